import { cleanLines, ProtocolFault, type ReceivedFields, readFields } from './received-head.ts'

/** Longest line that states the size of a chunk, extensions included, and most bytes of trailers. */
const mostSizeLine = 256
const mostTrailerBytes = 16 * 1024

/**
 * Takes a chunked body (RFC 9112 §7.1) out of its chunks. Bytes of the body go to `onBody` as views of what was
 * fed, not as copies.
 */
export interface ChunkReader {
  /** Answers how many bytes belonged to this body, or -1 if more of it is to come. */
  feed(bytes: Buffer, from: number): number
  readonly trailers: ReceivedFields
}

export function createChunkReader(onBody: (chunk: Buffer) => void): ChunkReader {
  let expects: 'size' | 'data' | 'data end' | 'trailers' = 'size'
  let left = 0
  // What has come of a line that is not whole yet.
  let begun = ''
  let trailers: ReceivedFields = Object.create(null)

  /** The end of the line in `bytes`, or -1; what has come is kept either way. */
  const takeLine = (bytes: Buffer, from: number, most: number): number => {
    const lineFeed = bytes.indexOf(0x0a, from)
    const end = lineFeed === -1 ? bytes.length : lineFeed + 1
    if (begun.length + end - from > most) throw new ProtocolFault('a chunk size or trailers that do not end')
    begun += bytes.toString('latin1', from, end)
    return lineFeed === -1 ? -1 : end
  }

  return {
    get trailers() {
      return trailers
    },
    feed(bytes, from) {
      let at = from
      while (at < bytes.length) {
        if (expects === 'data') {
          const end = Math.min(bytes.length, at + left)
          onBody(bytes.subarray(at, end))
          left -= end - at
          at = end
          if (left === 0) expects = 'data end'
          continue
        }
        const end = takeLine(bytes, at, expects === 'trailers' ? mostTrailerBytes : mostSizeLine)
        if (end === -1) return -1
        at = end
        if (expects === 'data end') {
          if (begun !== '\r\n') throw new ProtocolFault('a chunk longer than it said')
          expects = 'size'
          begun = ''
        } else if (expects === 'size') {
          left = chunkSize(begun)
          expects = left === 0 ? 'trailers' : 'data'
          begun = ''
        } else if (begun === '\r\n' || begun.endsWith('\r\n\r\n')) {
          trailers = readTrailers(begun)
          return at
        }
      }
      return -1
    },
  }
}

function chunkSize(line: string): number {
  const found = /^([0-9A-Fa-f]{1,12})[ \t]*(?:;[\t\x20-\x7e\x80-\xff]*)?\r\n$/.exec(line)
  if (!found) throw new ProtocolFault('not a chunk size')
  return Number.parseInt(found[1] as string, 16)
}

function readTrailers(text: string): ReceivedFields {
  if (text === '\r\n') return Object.create(null)
  if (!cleanLines.test(text)) throw new ProtocolFault('a control character in trailers')
  return readFields(text.slice(0, -4), 0).fields
}
