import type { IncomingMessage } from 'node:http'

export type BodyFault = 'too-large' | 'too-slow' | 'gone'

/** Reads a whole body. Answers why not if it is longer than `most` bytes, takes longer than `patience` ms, or ends early. */
export function readRequest(
  request: IncomingMessage,
  most: number,
  patience: number,
): Promise<Buffer | BodyFault> {
  // Whoever left while this waited for its turn has closed already, and does not close again.
  if (request.destroyed) return Promise.resolve('gone')
  return new Promise((resolve) => {
    const chunks: Buffer[] = []
    let size = 0
    const timer = setTimeout(() => end('too-slow'), patience)

    function end(outcome: Buffer | BodyFault): void {
      clearTimeout(timer)
      request.off('data', collect)
      resolve(outcome)
    }
    function collect(chunk: Buffer): void {
      size += chunk.length
      if (size > most) return end('too-large')
      chunks.push(chunk)
    }
    request.on('data', collect)
    request.once('end', () => end(Buffer.concat(chunks, size)))
    // After its end a request closes as well; then it has been answered.
    request.once('close', () => end('gone'))
    request.once('error', () => end('gone'))
  })
}
