import { once } from 'node:events'
import { connect, type TLSSocket } from 'node:tls'
import { eventually } from './eventually.ts'
import { onEnd, type Teardown } from './teardown.ts'

/**
 * HTTP/2 frame by frame (RFC 9113), for connections that no HTTP/2 library would make.
 * Our SETTINGS forbid the other side's dynamic table, so that `statusOf` can read a status without a decoder.
 */

export const frameType = {
  data: 0,
  headers: 1,
  priority: 2,
  rstStream: 3,
  settings: 4,
  pushPromise: 5,
  ping: 6,
  goaway: 7,
  windowUpdate: 8,
  continuation: 9,
} as const
export const flag = { endStream: 0x1, ack: 0x1, endHeaders: 0x4, padded: 0x8, priority: 0x20 } as const
export const preface = 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'

export interface Frame {
  type: number
  flags: number
  stream: number
  payload: Buffer
}

export interface FrameConnection {
  readonly socket: TLSSocket
  /** Frames that came, in order. */
  readonly frames: Frame[]
  /** The other side ended or reset the connection. */
  ended: boolean
  send(...pieces: Buffer[]): void
  /** The first frame that came and fits; waits for it. */
  waitFor(fits: (frame: Frame) => boolean, timeout?: number): Promise<Frame>
}

/** Opens a TLS connection with ALPN h2. Sends the preface and SETTINGS unless `silent`. */
export async function connectFrames(
  t: Teardown,
  port: number,
  { silent = false, servername = 'localhost' }: { silent?: boolean; servername?: string } = {},
): Promise<FrameConnection> {
  const socket = connect({
    port,
    host: '127.0.0.1',
    servername,
    rejectUnauthorized: false,
    ALPNProtocols: ['h2'],
  })
  onEnd(t, () => void socket.destroy())
  await once(socket, 'secureConnect')
  const frames: Frame[] = []
  const connection: FrameConnection = {
    socket,
    frames,
    ended: false,
    send: (...pieces) => {
      if (!socket.destroyed) socket.write(Buffer.concat(pieces))
    },
    waitFor: (fits, timeout = 15_000) => eventually(() => frames.find(fits), { timeout }),
  }
  let rest: Buffer = Buffer.alloc(0)
  socket.on('data', (chunk: Buffer) => {
    rest = readFrames(Buffer.concat([rest, chunk]), frames)
  })
  socket.on('error', () => {})
  socket.on('end', () => {
    connection.ended = true
  })
  socket.on('close', () => {
    connection.ended = true
  })
  // SETTINGS_HEADER_TABLE_SIZE (1) = 0
  if (!silent) connection.send(Buffer.from(preface), settings([[1, 0]]))
  return connection
}

export function frame(type: number, flags: number, stream: number, payload: Buffer | string = ''): Buffer {
  const body = Buffer.from(payload)
  const head = Buffer.alloc(9)
  head.writeUIntBE(body.length, 0, 3)
  head.writeUInt8(type, 3)
  head.writeUInt8(flags, 4)
  head.writeUInt32BE(stream, 5)
  return Buffer.concat([head, body])
}

/** Pairs of identifier and value. */
export function settings(pairs: readonly (readonly [number, number])[] = []): Buffer {
  const payload = Buffer.alloc(pairs.length * 6)
  pairs.forEach(([identifier, value], index) => {
    payload.writeUInt16BE(identifier, index * 6)
    payload.writeUInt32BE(value, index * 6 + 2)
  })
  return frame(frameType.settings, 0, 0, payload)
}

/** A HEADERS frame with END_HEADERS, and END_STREAM unless `endStream` is false. */
export function headers(
  stream: number,
  fields: readonly (readonly [string, string])[],
  { endStream = true }: { endStream?: boolean } = {},
): Buffer {
  const flags = flag.endHeaders | (endStream ? flag.endStream : 0)
  return frame(frameType.headers, flags, stream, encodeFields(fields))
}

export function data(stream: number, body: string | Buffer, endStream = true): Buffer {
  return frame(frameType.data, endStream ? flag.endStream : 0, stream, body)
}

export function resetStream(stream: number, code = 8): Buffer {
  return frame(frameType.rstStream, 0, stream, uint32(code))
}

export function windowUpdate(stream: number, increment: number): Buffer {
  return frame(frameType.windowUpdate, 0, stream, uint32(increment))
}

export function ping(text = '12345678'): Buffer {
  return frame(frameType.ping, 0, 0, text)
}

/** The four pseudo-headers of a GET over TLS. */
export function getFields(path = '/', authority = 'localhost'): [string, string][] {
  return [
    [':method', 'GET'],
    [':scheme', 'https'],
    [':authority', authority],
    [':path', path],
  ]
}

/** HPACK with nothing but literals that are not indexed (RFC 7541 §6.2.2): every byte of a field is ours. */
export function encodeFields(fields: readonly (readonly [string, string])[]): Buffer {
  return Buffer.concat(
    fields.flatMap(([name, value]) => [Buffer.from([0]), hpackString(name), hpackString(value)]),
  )
}

/** The status in the first field of a HEADERS payload that came, or undefined. */
export function statusOf({ type, flags, payload }: Frame): number | undefined {
  if (type !== frameType.headers) return undefined
  let at = flags & flag.priority ? 5 : 0
  while (((payload[at] ?? 0) & 0xe0) === 0x20) at++ // a change of the table's size
  const first = payload[at] ?? 0
  const indexed = [200, 204, 206, 304, 400, 404, 500]
  if (first >= 0x88 && first <= 0x8e) return indexed[first - 0x88]
  // A literal whose name is static entry 8, `:status`; its value in plain text or Huffman code.
  if (first !== 0x08 && first !== 0x18 && first !== 0x48) return undefined
  const length = payload[at + 1] ?? 0
  const value = payload.subarray(at + 2, at + 2 + (length & 0x7f))
  return Number(length & 0x80 ? huffmanDigits(value) : value.toString('latin1'))
}

/** Digits in HPACK's Huffman code: 0 to 2 have five bits, 3 to 9 have six (RFC 7541, appendix B). */
function huffmanDigits(bytes: Buffer): string {
  let bits = [...bytes].map((byte) => byte.toString(2).padStart(8, '0')).join('')
  let digits = ''
  while (digits.length < 3 && bits.length >= 5) {
    const short = Number.parseInt(bits.slice(0, 5), 2)
    const long = Number.parseInt(bits.slice(0, 6), 2)
    digits += short <= 2 ? short : long - 0b011001 + 3
    bits = bits.slice(short <= 2 ? 5 : 6)
  }
  return digits
}

function hpackString(text: string): Buffer {
  const bytes = Buffer.from(text, 'latin1')
  return Buffer.concat([hpackLength(bytes.length), bytes])
}

/** An integer with a prefix of seven bits (RFC 7541 §5.1). */
function hpackLength(length: number): Buffer {
  if (length < 127) return Buffer.from([length])
  const bytes = [127]
  let rest = length - 127
  for (; rest >= 128; rest = Math.floor(rest / 128)) bytes.push((rest % 128) | 128)
  return Buffer.from([...bytes, rest])
}

function readFrames(bytes: Buffer, into: Frame[]): Buffer {
  let rest = bytes
  while (rest.length >= 9 && rest.length >= 9 + rest.readUIntBE(0, 3)) {
    const end = 9 + rest.readUIntBE(0, 3)
    into.push({
      type: rest.readUInt8(3),
      flags: rest.readUInt8(4),
      stream: rest.readUInt32BE(5) & 0x7fffffff,
      payload: Buffer.from(rest.subarray(9, end)),
    })
    rest = rest.subarray(end)
  }
  return rest
}

function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32BE(value)
  return bytes
}
