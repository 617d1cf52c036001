import { type ClientAddress, parseAddress } from '../../address.ts'

/**
 * The PROXY protocol, versions 1 and 2: what a load balancer says about the client before the client's first
 * byte. Parsed strictly: a header that is almost right is refused, never passed on as data.
 */
export type ProxyHeader =
  /** More bytes are needed. */
  | { state: 'partial' }
  | { state: 'malformed'; reason: string }
  /** `source` is missing where the sender speaks for itself (LOCAL, UNKNOWN): then the peer is the client. */
  | { state: 'complete'; length: number; source?: { address: ClientAddress; port: number } }

/** The longest version 1 header, CRLF included. */
const longestText = 107
/** What every receiver must take of version 2. A longer one only carries TLVs, which we have no use for. */
const longestBinary = 536

const signature = Buffer.from('\r\n\r\n\0\r\nQUIT\n', 'latin1')
const textStart = Buffer.from('PROXY ', 'latin1')
const partial: ProxyHeader = Object.freeze({ state: 'partial' })

/** Reads a header from the first bytes of a connection. */
export function parseProxyHeader(bytes: Buffer): ProxyHeader {
  if (startsLike(bytes, signature)) return bytes.length < 16 ? partial : parseBinary(bytes)
  if (startsLike(bytes, textStart)) return parseText(bytes)
  return malformed('the connection does not begin with a PROXY header')
}

// --- Internal ---

/** Version 1: `PROXY TCP4 192.0.2.1 192.0.2.2 56324 443\r\n` */
function parseText(bytes: Buffer): ProxyHeader {
  const end = bytes.subarray(0, longestText).indexOf('\r\n')
  if (end === -1)
    return bytes.length < longestText ? partial : malformed(`no line end within ${longestText} bytes`)
  const line = bytes.toString('latin1', 0, end)
  const length = end + 2
  // Whatever follows UNKNOWN must be ignored, says the specification.
  if (line === 'PROXY UNKNOWN' || line.startsWith('PROXY UNKNOWN ')) return { state: 'complete', length }
  const [, family, source = '', destination = '', sourcePort = '', port = '', ...rest] = line.split(' ')
  const kind = family === 'TCP4' ? 'ipv4' : family === 'TCP6' ? 'ipv6' : undefined
  if (kind === undefined || rest.length > 0) return malformed('not TCP4, TCP6 or UNKNOWN with four fields')
  const address = parseOfKind(source, kind)
  if (address === undefined || parseOfKind(destination, kind) === undefined)
    return malformed(`an address is not ${family}`)
  if (!isPort(sourcePort) || !isPort(port)) return malformed('a port is not 0 to 65535')
  return { state: 'complete', length, source: { address, port: Number(sourcePort) } }
}

/** Version 2: signature, version and command, family and transport, length, addresses, TLVs. */
function parseBinary(bytes: Buffer): ProxyHeader {
  const version = bytes.readUInt8(12) >> 4
  const command = bytes.readUInt8(12) & 0x0f
  const family = bytes.readUInt8(13) >> 4
  const transport = bytes.readUInt8(13) & 0x0f
  const length = 16 + bytes.readUInt16BE(14)
  if (version !== 2) return malformed(`version ${version}`)
  if (command > 1) return malformed(`command ${command}`)
  if (length > longestBinary) return malformed(`${length} bytes long, more than ${longestBinary}`)
  if (bytes.length < length) return partial
  // LOCAL: a health check by the balancer itself. Its addresses, if any, mean nothing.
  if (command === 0 || family === 0) return { state: 'complete', length }
  if (transport !== 1) return malformed('a transport other than TCP')
  if (family === 1) return binarySource(bytes, length, 4)
  if (family === 2) return binarySource(bytes, length, 16)
  if (family === 3) return { state: 'complete', length }
  return malformed(`address family ${family}`)
}

function binarySource(bytes: Buffer, length: number, size: 4 | 16): ProxyHeader {
  if (length < 16 + 2 * size + 4) return malformed('too short for its addresses')
  const raw = bytes.subarray(16, 16 + size)
  const text = size === 4 ? raw.join('.') : (raw.toString('hex').match(/.{4}/g) ?? []).join(':')
  const address = parseAddress(text)
  if (address === undefined) return malformed('an address that cannot be read')
  return { state: 'complete', length, source: { address, port: bytes.readUInt16BE(16 + 2 * size) } }
}

function parseOfKind(text: string, kind: 'ipv4' | 'ipv6'): ClientAddress | undefined {
  if (text.includes(':') !== (kind === 'ipv6') || text.includes('%')) return undefined
  return parseAddress(text)
}

function isPort(text: string): boolean {
  return /^(0|[1-9]\d{0,4})$/.test(text) && Number(text) <= 65535
}

/** Whether the bytes are the whole `start`, or the beginning of it. */
function startsLike(bytes: Buffer, start: Buffer): boolean {
  const length = Math.min(bytes.length, start.length)
  return bytes.compare(start, 0, length, 0, length) === 0
}

function malformed(reason: string): ProxyHeader {
  return { state: 'malformed', reason }
}
