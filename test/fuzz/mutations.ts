import { frame } from '../harness/http2-frames.ts'
import type { Random } from './random.ts'

/** Bytes that parsers of HTTP/1.1 and HTTP/2 stumble over. */
const words = [
  '\r\n',
  '\r\n\r\n',
  '\n',
  '\r',
  '\0',
  '\x0b',
  '\x7f',
  '\xff',
  ' ',
  '\t',
  ':',
  ',',
  ';',
  '0\r\n\r\n',
  'ffffffffffffffff\r\n',
  '-1',
  'HTTP/1.1',
  'HTTP/2.0',
  'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n',
  'GET / HTTP/1.1\r\nHost: a.test\r\n\r\n',
  'Host: b.test\r\n',
  'Content-Length: 5\r\n',
  'Content-Length: 0\r\n',
  'Transfer-Encoding: chunked\r\n',
  'Transfer-Encoding: gzip, chunked\r\n',
  'Connection: close, x\r\n',
  'Expect: 100-continue\r\n',
  'Upgrade: websocket\r\nConnection: Upgrade\r\n',
  'Trailer: x\r\n',
  'X: y\r\n z\r\n',
  '%00',
  '/../',
  '%2e%2e%2f',
  '\x16\x03\x01',
] as const

const changes: readonly ((bytes: Buffer, random: Random) => Buffer)[] = [
  // A bit is turned.
  (bytes, { below }) => {
    const copy = Buffer.from(bytes)
    const at = below(copy.length)
    copy[at] = (copy[at] ?? 0) ^ (1 << below(8))
    return copy
  },
  // A byte becomes another.
  (bytes, { below }) => {
    const copy = Buffer.from(bytes)
    copy[below(copy.length)] = below(256)
    return copy
  },
  // Some bytes go.
  (bytes, { below }) => {
    const at = below(bytes.length)
    return Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + 1 + below(12))])
  },
  // Some bytes come twice.
  (bytes, { below }) => {
    const at = below(bytes.length)
    const end = at + 1 + below(40)
    return Buffer.concat([bytes.subarray(0, end), bytes.subarray(at)])
  },
  // A word comes in.
  (bytes, random) => {
    const at = random.below(bytes.length + 1)
    return Buffer.concat([
      bytes.subarray(0, at),
      Buffer.from(random.pick(words), 'latin1'),
      bytes.subarray(at),
    ])
  },
  // It stops.
  (bytes, { below }) => bytes.subarray(0, 1 + below(bytes.length)),
  // One byte comes very often.
  (bytes, { below }) => {
    const at = below(bytes.length)
    return Buffer.concat([
      bytes.subarray(0, at),
      Buffer.alloc(1 << below(17), bytes[at] ?? 0),
      bytes.subarray(at),
    ])
  },
]

/** The bytes with up to five changes, and now and then with none. */
export function mutate(bytes: Buffer, random: Random): Buffer {
  let changed = bytes
  for (let left = random.below(6); left > 0 && changed.length > 0; left--)
    changed = random.pick(changes)(changed, random)
  return changed
}

/** Frames with their order, types, flags, streams and lengths changed, beside their bytes. */
export function mutateFrames(frames: readonly Buffer[], random: Random): Buffer[] {
  const changed = frames.flatMap((bytes) => {
    const kind = random.below(12)
    if (kind === 0) return [bytes, bytes]
    if (kind === 1) return []
    if (kind === 2) return [randomFrame(random), bytes]
    if (kind === 3) return [withHead(bytes, random)]
    if (kind === 4) return [mutate(bytes, random)]
    return [bytes]
  })
  if (random.percent(20)) changed.reverse()
  return changed
}

function randomFrame(random: Random): Buffer {
  const payload = Buffer.from(Array.from({ length: random.below(40) }, () => random.below(256)))
  return frame(random.below(12), random.below(256), random.pick([0, 0, 1, 1, 2, 3, 5, 0x7fffffff]), payload)
}

function withHead(bytes: Buffer, { below, pick }: Random): Buffer {
  if (bytes.length < 9) return bytes
  const copy = Buffer.from(bytes)
  const field = below(4)
  if (field === 0) copy.writeUIntBE(pick([0, 1, 8, 16_384, 16_385, 0xffffff]), 0, 3)
  else if (field === 1) copy.writeUInt8(below(16), 3)
  else if (field === 2) copy.writeUInt8(below(256), 4)
  else copy.writeUInt32BE(pick([0, 1, 2, 3, 0x80000001, 0x7fffffff]), 5)
  return copy
}
