/**
 * What never reaches a log: one place for the names that secrets go by, so that the access log, the program's
 * log and the admin pages hide the same things.
 */
export const redacted = 'REDACTED'

/** Whether a header field or a property of that name holds a secret. */
export function isSecretField(name: string): boolean {
  return secretField.test(name)
}

/**
 * A URL or a request target without credentials: no userinfo, no values of parameters that hold secrets. Looks
 * at the query, the fragment (where OAuth puts tokens) and path parameters (`;jsessionid=`).
 *
 * `keepQuery: false` cuts the query and the fragment off.
 */
export function redactUrl(url: string, keepQuery = true): string {
  if (!special.test(url)) return url
  const bare = url.startsWith('/') && url[1] !== '/' ? url : url.replace(userinfo, `$1//${redacted}@`)
  const end = keepQuery ? -1 : bare.search(/[?#]/)
  return redactParameters(end === -1 ? bare : bare.slice(0, end), { left: url.length * mostDecodings })
}

/** `bearer, TOKEN` is how browsers send a token with a WebSocket handshake. */
export function redactSubprotocol(value: string): string {
  return value.replace(/(bearer).*/is, `$1 ${redacted}`)
}

/** Free text: credentials of URLs, `Bearer …` and `Basic …`, private keys. */
export function redactText(text: string): string {
  return text
    .replace(/-----BEGIN ([A-Z ]*PRIVATE KEY)-----[\s\S]*?(-----END \1-----|$)/g, redacted)
    .replace(/\b(bearer|basic)\s+[\w.~+/=-]{6,}/gi, `$1 ${redacted}`)
    .replace(/(\b[a-z][a-z0-9+.-]{0,30}:\/\/)[^\s/?#"'<>]*@/gi, `$1${redacted}@`)
}

/**
 * A copy that may be logged: secrets by name and by look are gone, errors are spelt out, circles and depths are
 * cut. Never throws, whatever a getter does.
 */
export function redact(value: unknown): unknown {
  return safeCopy(value, 0, { left: mostObjects })
}

// --- internal ---

const secretField =
  /token|secret|passw|passphrase|credential|signature|session|cookie|authorization|(?:api|access|private|signing)[-_]?key|(?:^|[-_])(?:auth|jwt|key|pwd|sid)(?:$|[-_])/i
const secretParameter = /^(?:code|sig|otp|pin|pass|auth[a-z]*[-_]?code)$/i

const special = /[?#;@]/
const encodedEquals = /%3d/i
const userinfo = /^([a-z][a-z0-9+.-]*:)?\/\/[^/?#]*@/i
const depthLimit = 6
/** Of one copy: an object that leads to sockets leads to everything. */
const mostObjects = 200
const lengthLimit = 100

/**
 * So many times each character of a URL may be decoded. Values overlap where they hold a `;` or `?`, and may be URLs with
 * such values themselves: without a bound, a query of 2 kB took ten seconds.
 */
const mostDecodings = 4

function redactParameters(url: string, budget: Budget): string {
  const mayNest = encodedEquals.test(url)
  let safe = ''
  let done = 0
  let at = 0
  let end = -1
  while (at < url.length) {
    if (!isSeparator(url.charCodeAt(at++))) continue
    const nameStart = at
    while (at < url.length && !isSeparator(url.charCodeAt(at)) && url.charCodeAt(at) !== equals) at++
    if (url.charCodeAt(at) !== equals) continue
    const valueStart = at + 1
    // Found once for all values that end there.
    if (end < valueStart) end = endOfValue(url, valueStart)
    const hides = isSecretParameter(url.slice(nameStart, at))
    if (!hides && !(mayNest && nestsSecret(url.slice(valueStart, end), budget))) continue
    safe += url.slice(done, valueStart) + redacted
    done = end
    at = end
  }
  return done === 0 ? url : safe + url.slice(done)
}

const [question, hash, semicolon, ampersand, equals] = [0x3f, 0x23, 0x3b, 0x26, 0x3d]

function isSeparator(code: number): boolean {
  return code === ampersand || code === question || code === semicolon || code === hash
}

/** The next `&` or `#`, and not a `;` or `?`, which a password may hold. */
function endOfValue(url: string, start: number): number {
  let end = start
  while (end < url.length && url.charCodeAt(end) !== ampersand && url.charCodeAt(end) !== hash) end++
  return end
}

/** Clients choose names, so only so many verdicts are kept. */
const verdicts = new Map<string, boolean>()

function isSecretParameter(name: string): boolean {
  const known = verdicts.get(name)
  if (known !== undefined) return known
  const plain = decode(name)
  const verdict = secretField.test(plain) || secretParameter.test(plain)
  if (verdicts.size < 1000 && name.length <= 64) verdicts.set(name, verdict)
  return verdict
}

/** Whether a value is a URL, encoded, that holds a secret: `next=%2Fx%3Ftoken%3D…`. What it would take too long to know may. */
function nestsSecret(value: string, budget: Budget): boolean {
  budget.left -= value.length
  if (budget.left < 0) return true
  const plain = `?${decode(value)}`
  return redactParameters(plain, budget) !== plain
}

/** Bytes as characters: enough to compare with ASCII names, and cannot fail as `decodeURIComponent` does. */
function decode(text: string): string {
  if (!text.includes('%')) return text
  return text.replace(/%([0-9a-f]{2})/gi, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)))
}

interface Budget {
  left: number
}

function safeCopy(value: unknown, depth: number, budget: Budget): unknown {
  try {
    return copyOf(value, depth, budget)
  } catch {
    return '[unreadable]'
  }
}

function copyOf(value: unknown, depth: number, budget: Budget): unknown {
  if (typeof value === 'string') return redactText(value)
  if (typeof value === 'bigint') return String(value)
  if (typeof value === 'function' || typeof value === 'symbol') return String(value).slice(0, lengthLimit)
  if (typeof value !== 'object' || value === null) return value
  if (depth >= depthLimit || --budget.left < 0) return '[more]'
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? 'Invalid Date' : value.toISOString()
  if (ArrayBuffer.isView(value)) return `[${value.byteLength} bytes]`
  if (value instanceof Map) return copyOf(Object.fromEntries(value), depth, budget)
  if (value instanceof Set) return copyOf([...value], depth, budget)
  if (Array.isArray(value))
    return value.slice(0, lengthLimit).map((item) => safeCopy(item, depth + 1, budget))
  const names = Object.keys(value)
  // The message and the stack of an error are its own but not enumerable.
  if (value instanceof Error) names.unshift('name', 'message', 'stack', 'cause')
  const copy: Record<string, unknown> = Object.create(null)
  for (const name of names.slice(0, lengthLimit)) {
    const property = propertyOf(value, name)
    if (property === undefined) continue
    copy[name] = isHidden(name, property) ? redacted : safeCopy(property, depth + 1, budget)
  }
  return copy
}

function propertyOf(value: object, name: string): unknown {
  try {
    return (value as Record<string, unknown>)[name]
  } catch {
    return '[unreadable]'
  }
}

/** A count or a switch under such a name is no secret. */
function isHidden(name: string, value: unknown): boolean {
  return isSecretField(name) && typeof value !== 'number' && typeof value !== 'boolean' && value !== null
}
