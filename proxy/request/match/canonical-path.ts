/**
 * Reads the path of a request target exactly once, into the one form that routes are matched on and that the
 * upstream receives.
 *
 * The attack is always the same: the proxy reads a path one way, the upstream another, and a rule for
 * `/close` is walked around as `//close`, `/%63lose`, `/open/../close`, `/close%2f..`, `/close;x` or with a
 * second layer of encoding. So: unreserved characters are decoded (RFC 3986 §6.2.2.2), dot segments resolved
 * (§5.2.4), empty segments dropped; and what two readers might still take differently is not guessed at.
 *
 * Answers undefined, meaning 400, for: a control character, blank, backslash, `#` or raw byte above 0x7e;
 * `%` without two hex digits; an encoded slash, backslash, control character or percent sign that starts
 * another encoding; invalid UTF-8 (overlong forms included); a character that compatibility normalisation
 * turns into a slash, backslash or dot segment; `..` past the root; `..;x`.
 */
export function canonicalPath(raw: string): string | undefined {
  if (!suspicious.test(raw)) return raw.startsWith('/') ? raw : undefined
  if (!raw.startsWith('/') || unreadable.test(raw)) return undefined
  const segments: string[] = []
  const parts = raw.split('/')
  for (let i = 1; i < parts.length; i++) {
    const segment = canonicalSegment(parts[i] as string)
    if (segment === undefined) return undefined
    const last = i === parts.length - 1
    if (segment === '..') {
      if (segments.length === 0) return undefined
      segments.pop()
    }
    if (segment === '..' || segment === '.' || segment === '') {
      if (last) segments.push('')
      continue
    }
    segments.push(segment)
  }
  return `/${segments.join('/')}`
}

/**
 * The path without `;parameters`, which Java servers cut off before they route. If that changes the route,
 * the path is ambiguous. Answers the path itself where there are none.
 */
export function withoutPathParameters(path: string): string {
  return path.includes(';') ? path.replace(/;[^/]*/g, '') : path
}

/** A path that holds none of these is its own canonical form: nearly every request. */
const suspicious = /[^\x21-\x7e]|[%\\#]|\/[./]|;/
const unreadable = /[^\x21-\x7e]|[\\#]/

function canonicalSegment(segment: string): string | undefined {
  const decoded = segment.includes('%') ? decodeUnreserved(segment) : segment
  if (decoded === undefined) return undefined
  const name = decoded.split(';', 1)[0] as string
  if (name !== decoded && (name === '.' || name === '..' || name === '')) return undefined
  return decoded
}

function decodeUnreserved(segment: string): string | undefined {
  let out = ''
  let beyondAscii = false
  for (let i = 0; i < segment.length; i++) {
    const character = segment[i] as string
    if (character !== '%') {
      out += character
      continue
    }
    const hex = segment.slice(i + 1, i + 3)
    if (!/^[0-9A-Fa-f]{2}$/.test(hex)) return undefined
    const byte = Number.parseInt(hex, 16)
    if (byte < 0x20 || byte === 0x7f || byte === 0x2f || byte === 0x5c) return undefined
    if (byte > 0x7f) beyondAscii = true
    const plain = String.fromCharCode(byte)
    out += /[A-Za-z0-9\-._~]/.test(plain) ? plain : `%${hex.toUpperCase()}`
    i += 2
  }
  // Looked for in what came out, because `%250%63` becomes a second encoding only by being decoded.
  if (/%25[0-9A-Fa-f]{2}/.test(out)) return undefined
  return beyondAscii && !readsTheSameNormalised(out) ? undefined : out
}

/** `／` (U+FF0F) and its kin become structure in an upstream that applies NFKC. */
function readsTheSameNormalised(segment: string): boolean {
  let text: string
  try {
    text = decodeURIComponent(segment)
  } catch {
    return false
  }
  const normalised = text.normalize('NFKC')
  return !/[/\\]/.test(normalised) && !/^\.{1,2}$/.test(normalised) && !/^\.{1,2};/.test(normalised)
}
