import type { Writable } from 'node:stream'
import { mostAtOnce } from '../../upstreams/http1/shared-buffer.ts'

/**
 * Writes a copy of these bytes, of which one read brings no more, in a buffer that is used again once they have left.
 *
 * What comes from upstreams is read into one place and has to be copied out of it. A new buffer for each part of a long
 * body is memory that was never touched: of a download, a quarter of the CPU went into page faults and into the
 * collector that was called for them. Only for an output that tells truly when it is done, which is a socket's.
 */
export function writeCopy(output: Writable, bytes: Buffer): void {
  const buffer = spares.pop() ?? Buffer.allocUnsafeSlow(mostAtOnce)
  bytes.copy(buffer)
  output.write(buffer.subarray(0, bytes.length), (error) => {
    // After an error nobody can be sure who still looks at it.
    if (!error && spares.length < mostSpares) spares.push(buffer)
  })
}

const spares: Buffer[] = []
/** 4 MB for a process. More are in use only while clients are slow to read. */
const mostSpares = 32
