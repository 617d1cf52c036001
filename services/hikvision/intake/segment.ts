import { crc32 } from 'node:zlib'

/** What is known of an event before anybody has read it. */
export interface Arrival {
  /** When its last byte came, in milliseconds since 1970. */
  readonly at: number
  /** Where it came from, as the proxy saw it. */
  readonly from: string
  readonly path: string
  /** Its Content-Type, as it was sent. */
  readonly type: string
  /** Which device it seems to be of, at a glance: for fairness, not to be believed. */
  readonly hint: string
}

/** A record's place in a segment, in bytes. */
export interface RecordPlace {
  readonly start: number
  readonly size: number
}

/** magic, length of the arrival as JSON, length of the body, CRC-32 of both. */
const headSize = 16
const magic = 0x484b5631

/** The bytes of one record: a head, the arrival, the body. The body is not copied. */
export function encodeRecord(arrival: Arrival, body: Buffer): Buffer[] {
  const about = Buffer.from(JSON.stringify(arrival))
  const head = Buffer.alloc(headSize)
  head.writeUInt32BE(magic, 0)
  head.writeUInt32BE(about.length, 4)
  head.writeUInt32BE(body.length, 8)
  head.writeUInt32BE(crc32(body, crc32(about)), 12)
  return [head, about, body]
}

/** Throws if the record is not whole: the file was changed since it was written. */
export function decodeRecord(bytes: Buffer): { arrival: Arrival; body: Buffer } {
  const size = sizeOf(bytes, 0)
  if (size === undefined || size !== bytes.length) throw new Error('a record of the spool is damaged')
  const bodyAt = headSize + bytes.readUInt32BE(4)
  return { arrival: JSON.parse(bytes.toString('utf8', headSize, bodyAt)), body: bytes.subarray(bodyAt) }
}

/**
 * The records of a segment, and how many bytes are none. A process that was killed leaves half a record at the end,
 * which nobody was told is safe; whatever stands between two records is damage.
 */
export function scanSegment(bytes: Buffer): { records: RecordPlace[]; torn: number; damaged: number } {
  const records: RecordPlace[] = []
  let skipped = 0
  let torn = 0
  for (let at = 0; at < bytes.length; ) {
    const size = sizeOf(bytes, at)
    if (size !== undefined) {
      records.push({ start: at, size })
      skipped += torn
      torn = 0
      at += size
      continue
    }
    const next = bytes.indexOf('HKV1', at + 1, 'latin1')
    torn += (next < 0 ? bytes.length : next) - at
    at = next < 0 ? bytes.length : next
  }
  return { records, torn, damaged: skipped }
}

// --- internal ---

/** The size of a whole record that begins there. */
function sizeOf(bytes: Buffer, at: number): number | undefined {
  if (bytes.length - at < headSize || bytes.readUInt32BE(at) !== magic) return undefined
  const size = headSize + bytes.readUInt32BE(at + 4) + bytes.readUInt32BE(at + 8)
  if (bytes.length - at < size) return undefined
  const isWhole = crc32(bytes.subarray(at + headSize, at + size)) === bytes.readUInt32BE(at + 12)
  return isWhole ? size : undefined
}
