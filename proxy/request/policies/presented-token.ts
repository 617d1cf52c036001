import type { Facts } from '../facts.ts'
import type { RequestHeaders } from './policy.ts'

export interface TokenPlaces {
  /** Name of a cookie. */
  readonly cookie?: string
  /** Whether `Sec-WebSocket-Protocol: bearer, TOKEN` is read: the one field that a browser's WebSocket lets a page set. */
  readonly subprotocol: boolean
}

/**
 * Every token that a request presents, each once. Answers a reason instead where a token cannot be read in one
 * way only: an upstream that reads the other of two cookies would act on a token that nobody has verified.
 *
 * An Authorization field of another scheme is no token: it may be meant for the upstream.
 */
export function findTokens(facts: Facts, places: TokenPlaces): readonly string[] | { problem: string } {
  const tokens = new Set<string>()
  const bearer = fromAuthorization(facts)
  const cookie = places.cookie === undefined ? undefined : fromCookie(facts, places.cookie)
  const protocol = places.subprotocol ? fromSubprotocol(facts) : undefined
  for (const found of [bearer, cookie, protocol]) {
    if (found === undefined) continue
    if (typeof found !== 'string') return found
    if (found.length > longestToken) return { problem: `a token of more than ${longestToken} characters` }
    // A compact JWS (RFC 7515 §7.1). With `alg: none` the third part is empty, so it ends here already.
    if (!/^[\w-]+\.[\w-]+\.[\w-]+$/.test(found)) return { problem: 'not of the form of a token' }
    tokens.add(found)
  }
  return [...tokens]
}

/** What a handshake offers: no token, a token and nothing else, or a token among other protocols. */
export function offerOf(facts: Facts): 'no token' | 'token alone' | 'token and others' {
  const offered = facts.upgrade ? offeredProtocols(facts.headers.all(protocolField)) : []
  if (!offered.includes(marker)) return 'no token'
  return offered.length > 2 ? 'token and others' : 'token alone'
}

/** Takes the marker and the token out of the protocols that the upstream is offered. */
export function removeSubprotocolToken(headers: RequestHeaders): void {
  const offered: string[] = []
  let name: string | undefined
  for (let i = headers.length - 2; i >= 0; i -= 2) {
    if ((headers[i] as string).toLowerCase() !== protocolField) continue
    const [field, value] = headers.splice(i, 2) as [string, string]
    name = field
    offered.unshift(...offeredProtocols([value]))
  }
  const at = offered.indexOf(marker)
  if (at !== -1) offered.splice(at, 2)
  if (name !== undefined && offered.length > 0) headers.push(name, offered.join(', '))
}

/** The name under which the token stands among the protocols, and the one that we select if the upstream selects none. */
export const marker = 'bearer'
export const protocolField = 'sec-websocket-protocol'

/** Real ones have less than 2,000; a cookie may have 4,096. */
const longestToken = 8192

type Found = string | { problem: string } | undefined

function fromAuthorization(facts: Facts): Found {
  const fields = facts.headers.all('authorization')
  if (fields.length > 1) return { problem: 'more than one Authorization' }
  // A scheme ends where no token can go on (RFC 9110 §5.6.2). Many an upstream takes a tab for the blank behind it.
  const bearer = /^bearer(?![\w!#$%&'*+.^`|~-])(.*)$/is.exec(fields[0] ?? '')
  return bearer?.[1]?.trim()
}

function fromCookie(facts: Facts, name: string): Found {
  let found: string | undefined
  for (const field of facts.headers.all('cookie')) {
    for (const pair of field.split(';')) {
      const sign = pair.indexOf('=')
      if (sign === -1 || pair.slice(0, sign).trim() !== name) continue
      const value = unquote(pair.slice(sign + 1).trim())
      if (found !== undefined && found !== value) return { problem: `two different cookies "${name}"` }
      found = value
    }
  }
  // Logging out often leaves an empty cookie behind.
  return found === '' ? undefined : found
}

function fromSubprotocol(facts: Facts): Found {
  if (!facts.upgrade) return undefined
  const offered = offeredProtocols(facts.headers.all(protocolField))
  const at = offered.indexOf(marker)
  if (at === -1) return undefined
  if (offered.lastIndexOf(marker) !== at) return { problem: 'two tokens among the subprotocols' }
  return offered[at + 1] ?? ''
}

function offeredProtocols(fields: readonly string[]): string[] {
  return fields
    .join(',')
    .split(',')
    .map((item) => item.trim())
    .filter((item) => item !== '')
}

function unquote(value: string): string {
  return value.length >= 2 && value.startsWith('"') && value.endsWith('"') ? value.slice(1, -1) : value
}
