import { fieldName } from './field-names.ts'
import { namedInConnection } from './hop-by-hop.ts'

/**
 * Reads the head of an HTTP/1.1 response. Strict: what a lenient reader would repair (a lone line feed, a blank
 * before a colon, a folded line, two lengths, a length beside chunks) is how responses are smuggled, so it is
 * refused, and the client gets 502.
 */
export interface ReceivedHead {
  readonly status: number
  /** Without those that end at this hop. */
  readonly headers: ReceivedFields
  readonly framing: ResponseFraming
  /** Whether the connection may carry another request after this response. */
  readonly reusable: boolean
  /** Milliseconds for which the upstream says it keeps an idle connection. */
  readonly keptFor: number | undefined
  /** The protocols that the upstream says it speaks from now on. */
  readonly upgrade: string | undefined
}

/** Lower-case names; an array where a field occurs more than once. Without a prototype. */
export type ReceivedFields = Record<string, string | string[]>

/** How the body ends (RFC 9112 §6.3): none, after that many bytes, chunked, or with the connection. */
export type ResponseFraming = 'none' | 'chunked' | 'close' | number

/** The upstream does not speak HTTP/1.1 as it should. The message is for the log. */
export class ProtocolFault extends Error {
  readonly code = 'UPSTREAM_PROTOCOL'
  constructor(message: string) {
    super(message)
    this.name = 'ProtocolFault'
  }
}

/** Lines that end in CR LF, and no control character in them. The last one may lack its end. */
export const cleanLines = /^(?:[\t\x20-\x7e\x80-\xff]*\r\n)*[\t\x20-\x7e\x80-\xff]*$/

export const mostHeadBytes = 64 * 1024
const mostFields = 500

/** `text` is the head in latin1, without the empty line that ends it. `method` is that of the request. */
export function readHead(text: string, method: string): ReceivedHead {
  if (!cleanLines.test(text))
    throw new ProtocolFault(
      'a control character, or a line that ends in CR or LF alone, in the response head',
    )
  const firstEnd = text.indexOf('\r\n')
  const firstLine = firstEnd === -1 ? text : text.slice(0, firstEnd)
  const found = statusLine.exec(firstLine)
  if (!found) throw new ProtocolFault(`not a status line: ${firstLine.slice(0, 60)}`)
  const { fields, ofConnection } = readFields(text, firstLine.length + 2)
  const status = Number(found[2])
  const current = found[1] === '1'
  const framing = framingOf(fields['content-length'], ofConnection, { status, method, current })
  // Not before it is known how the body ends, which a Connection field has no say in.
  for (const name of namedInConnection(ofConnection.connection)) delete fields[name]
  return {
    status,
    headers: fields,
    framing,
    reusable: framing !== 'close' && isKept(ofConnection.connection, current),
    keptFor: keptFor(ofConnection['keep-alive']),
    upgrade: ofConnection.upgrade,
  }
}

/**
 * What does not begin like a response never becomes one, so its end is not waited for. Services of other protocols
 * greet whoever connects with a line or less, and then wait for an answer themselves. Throws a ProtocolFault.
 */
export function refuseOtherProtocols(begun: Buffer): void {
  const length = Math.min(begun.length, beginning.length)
  if (begun.compare(beginning, 0, length, 0, length) !== 0)
    throw new ProtocolFault(`not a status line: ${JSON.stringify(begun.toString('latin1', 0, 60))}`)
}

const beginning = Buffer.from('HTTP/1.')

interface Fields {
  readonly fields: ReceivedFields
  /** Those that end at this hop (RFC 9110 §7.6.1). One that occurs twice is joined with commas. */
  readonly ofConnection: Readonly<Record<string, string | undefined>>
}

/** Fields, one a line, from `start` on: of a head, or of trailers. Their text has passed `cleanLines`. */
export function readFields(text: string, start: number): Fields {
  const fields = noFields()
  let ofConnection = none as Record<string, string | undefined>
  let count = 0
  for (let from = start; from < text.length; ) {
    const next = text.indexOf('\r\n', from)
    const end = next === -1 ? text.length : next
    const colon = text.indexOf(':', from)
    if (colon === -1 || colon >= end)
      throw new ProtocolFault(`a line without a colon: ${text.slice(from, from + 60)}`)
    if (++count > mostFields) throw new ProtocolFault(`more than ${mostFields} header fields`)
    const name = fieldName(text.slice(from, colon))
    if (name === undefined) throw new ProtocolFault(`not a field name: ${text.slice(from, from + 60)}`)
    // Nearly always there is one blank, and then nothing is left to trim.
    const value = text.slice(text.charCodeAt(colon + 1) === blank ? colon + 2 : colon + 1, end).trim()
    if (!name.hopByHop) add(fields, name.lowerCase, value)
    else {
      if (ofConnection === none) ofConnection = noFields() as Record<string, string>
      const before = ofConnection[name.lowerCase]
      ofConnection[name.lowerCase] = before === undefined ? value : `${before}, ${value}`
    }
    from = end + 2
  }
  return { fields, ofConnection }
}

const blank = 0x20

const statusLine = /^HTTP\/1\.([01]) ([1-9]\d\d)(?: .*)?$/

/**
 * An object without a prototype that V8 keeps as a record. One of `Object.create(null)` is a hash table from the first
 * field on, which makes reading and sending a head of nine fields dearer by a microsecond.
 */
function noFields(): ReceivedFields {
  return new (FieldMap as unknown as new () => ReceivedFields)()
}
function FieldMap(): void {}
FieldMap.prototype = Object.create(null)

const none: Fields['ofConnection'] = Object.freeze(noFields()) as Record<string, string>

function add(fields: ReceivedFields, name: string, value: string): void {
  const before = fields[name]
  if (before === undefined) fields[name] = value
  else if (typeof before === 'string') fields[name] = [before, value]
  else before.push(value)
}

function framingOf(
  length: string | string[] | undefined,
  { 'transfer-encoding': coding }: Fields['ofConnection'],
  { status, method, current }: { status: number; method: string; current: boolean },
): ResponseFraming {
  if (length !== undefined && (typeof length !== 'string' || !/^\d{1,15}$/.test(length)))
    throw new ProtocolFault('a Content-Length that is no single number')
  if (coding !== undefined) {
    if (coding.toLowerCase() !== 'chunked' || !current)
      throw new ProtocolFault('a transfer coding other than one chunked')
    if (length !== undefined) throw new ProtocolFault('both a length and chunks')
  }
  if (method === 'HEAD' || status < 200 || status === 204 || status === 304) return 'none'
  if (coding !== undefined) return 'chunked'
  return length === undefined ? 'close' : Number(length)
}

/** RFC 9112 §9.3. */
function isKept(connection: string | undefined, current: boolean): boolean {
  if (connection === undefined) return current
  if (connection === 'keep-alive') return true
  const options = connection.toLowerCase()
  return current ? !/(^|[\s,])close($|[\s,])/.test(options) : /(^|[\s,])keep-alive($|[\s,])/.test(options)
}

function keptFor(hint: string | undefined): number | undefined {
  const seconds = hint === undefined ? undefined : /timeout\s*=\s*"?(\d{1,6})/i.exec(hint)?.[1]
  return seconds === undefined ? undefined : Number(seconds) * 1000
}
