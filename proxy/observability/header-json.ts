import { isSecretField, redacted, redactSubprotocol, redactUrl } from './redaction.ts'

/**
 * Header fields as the access log writes them: an object of arrays, names in the canonical case, so that a
 * reader finds `User-Agent` whether it came over HTTP/1.1 or HTTP/2. Secrets are hidden.
 */

/** Text in quotes, for JSON. Also hides what would steer a terminal that shows the log. */
export function quote(text: string): string {
  if (!unusual.test(text)) return `"${text}"`
  return JSON.stringify(text).replace(steering, escaped)
}

/** The same for texts of which there are few: names, addresses, hosts. */
export function quoteKept(text: string): string {
  const found = quoted.get(text)
  if (found !== undefined) return found
  const made = quote(text)
  if (text.length > longestKept) return made
  // Nearly always the same few; a flood of others must not grow it.
  if (quoted.size >= mostNames) quoted.clear()
  quoted.set(text, made)
  return made
}

/** `raw`: name, value, name, value. */
export function rawFieldsJson(raw: readonly string[], keepQuery: boolean): string {
  let json = ''
  turn++
  for (let i = 0; i + 1 < raw.length; i += 2) {
    const name = raw[i] as string
    // Pseudo fields of HTTP/2 are told elsewhere.
    if (name.charCodeAt(0) === colon) continue
    const field = fieldOf(name)
    if (field === undefined || field.turn === turn) return groupedJson(raw, keepQuery)
    field.turn = turn
    json = appended(json, entryOf(field, raw[i + 1] as string, keepQuery))
  }
  return json === '' ? '{}' : `${json}}`
}

/** Names are lower case and occur once. */
export function fieldsJson(
  fields: Readonly<Record<string, string | string[] | number | undefined>>,
  keepQuery: boolean,
): string {
  let json = ''
  for (const name in fields) {
    const value = fields[name]
    if (value === undefined || name.charCodeAt(0) === colon) continue
    const field = fieldOf(name) ?? createField(canonical(name))
    if (!Array.isArray(value) || field.kind === 'secret') {
      json = appended(json, entryOf(field, String(value), keepQuery))
    } else {
      const texts = value.map((one) => quote(hide(field.kind, one, keepQuery)))
      json = appended(json, `,${field.key}[${texts.join(',')}]`)
    }
  }
  return json === '' ? '{}' : `${json}}`
}

/** Header values that are URLs, or secrets, without what must not be logged. */
export function hideFieldValue(lowerCaseName: string, value: string, keepQuery: boolean): string {
  return hide(kindOf(lowerCaseName), value, keepQuery)
}

// --- internal ---

type Kind = 'plain' | 'secret' | 'url' | 'subprotocol'

interface Field {
  /** `"User-Agent":` */
  readonly key: string
  readonly kind: Kind
  /** The record in which it was last met: a second time in one record means that values must be grouped. */
  turn: number
  /** The last value and its entry. Most fields have few values, and a look is cheaper than quoting. */
  value: string
  entry: string
  /** Whether the entry is one piece in memory, and not the pieces that it was put together from. */
  whole: boolean
}

const colon = 58
/** Clients choose names. What does not fit is written the slow way. */
const mostNames = 1000
const longestKept = 256
const quoted = new Map<string, string>()
const byName = new Map<string, Field>()
const byCanonicalName = new Map<string, Field>()
let turn = 0

const unusual = /[^\x20\x21\x23-\x5b\x5d-\x7e]/
const steering = /[\x7f-\x9f\u2028-\u202e\u2066-\u2069]/g
const urlFields = /^(?:referer|location|content-location|refresh|link|origin)$|-(?:ur[il]|referer)$/

function fieldOf(name: string): Field | undefined {
  const found = byName.get(name)
  if (found !== undefined) return found
  if (byName.size >= mostNames || name.length > longestKept) return undefined
  const canonicalName = canonical(name)
  const field = byCanonicalName.get(canonicalName) ?? createField(canonicalName)
  byCanonicalName.set(canonicalName, field)
  byName.set(name, field)
  return field
}

function createField(canonicalName: string): Field {
  const kind = kindOf(canonicalName.toLowerCase())
  const key = `${quote(canonicalName)}:`
  const entry = `,${key}["${kind === 'secret' ? redacted : ''}"]`
  return { key, kind, turn: 0, value: '', entry, whole: false }
}

/** With a comma in front. */
function entryOf(field: Field, value: string, keepQuery: boolean): string {
  if (field.kind === 'secret') return field.entry
  if (field.kind !== 'plain') return `,${field.key}[${quote(hide(field.kind, value, keepQuery))}]`
  if (field.value === value) {
    if (!field.whole) {
      field.entry = Buffer.from(field.entry).toString()
      field.whole = true
    }
    return field.entry
  }
  const entry = `,${field.key}[${quote(value)}]`
  if (value.length <= longestKept) {
    field.value = value
    field.entry = entry
    field.whole = false
  }
  return entry
}

/** Only the first entry is cut: cutting the whole would copy it. */
function appended(json: string, entry: string): string {
  return json === '' ? `{${entry.slice(1)}` : json + entry
}

function groupedJson(raw: readonly string[], keepQuery: boolean): string {
  const values = new Map<string, string[]>()
  for (let i = 0; i + 1 < raw.length; i += 2) {
    const name = raw[i] as string
    if (name.charCodeAt(0) === colon) continue
    const canonicalName = canonical(name)
    const value = quote(hideFieldValue(name.toLowerCase(), raw[i + 1] as string, keepQuery))
    const sofar = values.get(canonicalName)
    if (sofar === undefined) values.set(canonicalName, [value])
    else sofar.push(value)
  }
  return `{${Array.from(values, ([name, texts]) => `${quote(name)}:[${texts.join(',')}]`).join(',')}}`
}

function kindOf(lowerCaseName: string): Kind {
  if (lowerCaseName === 'sec-websocket-protocol') return 'subprotocol'
  if (isSecretField(lowerCaseName)) return 'secret'
  return urlFields.test(lowerCaseName) ? 'url' : 'plain'
}

function hide(kind: Kind, value: string, keepQuery: boolean): string {
  switch (kind) {
    case 'plain':
      return value
    case 'secret':
      return redacted
    case 'url':
      return redactUrl(value, keepQuery)
    case 'subprotocol':
      return redactSubprotocol(value)
  }
}

function canonical(name: string): string {
  return name
    .toLowerCase()
    .replace(/(^|-)([a-z])/g, (_, dash: string, letter: string) => dash + letter.toUpperCase())
}

function escaped(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`
}
