/**
 * Reads the head of an HTTP/1.1 response. Strict: what a lenient reader would repair (a lone line feed, a blank
 * before a colon, a folded line, two lengths, a length beside chunks) is how responses are smuggled, so it is
 * refused, and the client gets 502.
 */
export interface ReceivedHead {
  readonly status: number
  /** Lower-case names; an array where a field occurs more than once. Without a prototype. */
  readonly headers: ReceivedFields
  readonly framing: ResponseFraming
  /** Whether the connection may carry another request after this response. */
  readonly reusable: boolean
  /** Milliseconds for which the upstream says it keeps an idle connection. */
  readonly keptFor: number | undefined
}

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

/** A control character, or a line that ends in CR or LF alone. */
export const doubtful = /[^\t\r\n\x20-\x7e\x80-\xff]|\r(?!\n)|(?<!\r)\n/

export const mostHeadBytes = 64 * 1024
const mostFields = 500

/** `text` is the head in latin1, without the empty line that ends it. `method` is that of the request. */
export function readHead(text: string, method: string): ReceivedHead {
  if (doubtful.test(text))
    throw new ProtocolFault(
      'a control character, or a line that ends in CR or LF alone, in the response head',
    )
  const firstEnd = text.indexOf('\r\n')
  const firstLine = firstEnd === -1 ? text : text.slice(0, firstEnd)
  const found = statusLine.exec(firstLine)
  if (!found) throw new ProtocolFault(`not a status line: ${firstLine.slice(0, 60)}`)
  const headers = firstEnd === -1 ? noFields() : readFields(text, firstEnd + 2)
  const status = Number(found[2])
  const current = found[1] === '1'
  const framing = framingOf(headers, status, method, current)
  return {
    status,
    headers,
    framing,
    reusable: framing !== 'close' && isKept(headers, current),
    keptFor: keptFor(headers),
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

/** Fields, one a line, from `start` on: of a head, or of trailers. */
export function readFields(text: string, start: number): ReceivedFields {
  const headers = noFields()
  let count = 0
  for (let from = start; from < text.length; ) {
    const next = text.indexOf('\r\n', from)
    const end = next === -1 ? text.length : next
    const colon = text.indexOf(':', from)
    if (colon === -1 || colon >= end)
      throw new ProtocolFault(`a line without a colon: ${text.slice(from, from + 60)}`)
    if (++count > mostFields) throw new ProtocolFault(`more than ${mostFields} header fields`)
    const name = text.slice(from, colon)
    if (!token.test(name)) throw new ProtocolFault(`not a field name: ${name.slice(0, 60)}`)
    add(headers, name.toLowerCase(), text.slice(colon + 1, end).trim())
    from = end + 2
  }
  return headers
}

const statusLine = /^HTTP\/1\.([01]) ([1-9]\d\d)(?: .*)?$/
const token = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/

function noFields(): ReceivedFields {
  return Object.create(null)
}

function add(headers: ReceivedFields, name: string, value: string): void {
  const before = headers[name]
  if (before === undefined) headers[name] = value
  else if (typeof before === 'string') headers[name] = [before, value]
  else before.push(value)
}

function framingOf(
  headers: ReceivedFields,
  status: number,
  method: string,
  current: boolean,
): ResponseFraming {
  const length = headers['content-length']
  const coding = headers['transfer-encoding']
  if (length !== undefined && (typeof length !== 'string' || !/^\d{1,15}$/.test(length)))
    throw new ProtocolFault('a Content-Length that is no single number')
  if (coding !== undefined) {
    if (typeof coding !== 'string' || coding.toLowerCase() !== 'chunked' || !current)
      throw new ProtocolFault('a transfer coding other than one chunked')
    if (length !== undefined) throw new ProtocolFault('both a length and chunks')
  }
  if (method === 'HEAD' || status < 200 || status === 204 || status === 304) return 'none'
  if (coding !== undefined) return 'chunked'
  return length === undefined ? 'close' : Number(length)
}

/** RFC 9112 §9.3. */
function isKept(headers: ReceivedFields, current: boolean): boolean {
  const { connection } = headers
  if (connection === undefined) return current
  const options = [connection].flat().join(',').toLowerCase()
  return current ? !/(^|[\s,])close($|[\s,])/.test(options) : /(^|[\s,])keep-alive($|[\s,])/.test(options)
}

function keptFor(headers: ReceivedFields): number | undefined {
  const hint = headers['keep-alive']
  const seconds = typeof hint === 'string' ? /timeout\s*=\s*"?(\d{1,6})/i.exec(hint)?.[1] : undefined
  return seconds === undefined ? undefined : Number(seconds) * 1000
}
