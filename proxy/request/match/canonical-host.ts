/**
 * Reads the host of a request into the form that routes are matched on: lower case, no port, no trailing dot.
 * Answers undefined, meaning 400, for userinfo, a path, blanks, an empty name, a port that is none, or
 * anything that is not a host (RFC 9112 §3.2). Substrings never match: routing by a part of Host is how
 * CVE-2026-55602 walked around a rule elsewhere.
 */
export function canonicalHost(authority: string): string | undefined {
  if (authority.length > 260) return undefined
  if (authority.length <= mostLength && simpleHost.test(authority)) return authority
  const found = hostAndPort.exec(authority)
  if (!found) return undefined
  if (found[2] !== undefined && Number(found[2]) > 65535) return undefined
  const host = (found[1] as string).toLowerCase()
  const name = host.endsWith('.') ? host.slice(0, -1) : host
  if (name === '' || name.includes('..') || name.length > mostLength) return undefined
  // An empty label first or last; of `app..` one dot is still there.
  if (name.startsWith('.') || name.endsWith('.')) return undefined
  return name
}

/** Bytes of a name (RFC 1035 §2.3.4). */
const mostLength = 253
const simpleHost = /^[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?){0,9}$/
const hostAndPort = /^(\[[0-9A-Fa-f:.]{2,45}\]|[A-Za-z0-9_.-]+)(?::(\d{1,5}))?$/
