import type { Socket } from 'node:net'
import type { ClientAddress } from '../../address.ts'
import { parseProxyHeader } from './proxy-protocol.ts'

export type ProxyHeaderRead =
  | { source?: { address: ClientAddress; port: number } }
  /** What was wrong. The connection is of no use any more. */
  | { fault: string }

/**
 * Reads the PROXY header off a fresh socket and leaves every byte after it for the next reader. The socket is
 * paused when `done` is called. Time is bounded by whoever watches opening connections.
 */
export function readProxyHeader(socket: Socket, done: (read: ProxyHeaderRead) => void): void {
  let bytes: Buffer = Buffer.alloc(0)
  const finish = (read: ProxyHeaderRead, rest: Buffer = Buffer.alloc(0)): void => {
    socket.off('data', onData)
    socket.off('end', onEnd)
    socket.pause()
    if (rest.length > 0) socket.unshift(rest)
    done(read)
  }
  const onEnd = (): void => finish({ fault: 'the connection ended within the PROXY header' })
  const onData = (chunk: Buffer): void => {
    bytes = bytes.length === 0 ? chunk : Buffer.concat([bytes, chunk])
    const header = parseProxyHeader(bytes)
    if (header.state === 'malformed') finish({ fault: header.reason })
    else if (header.state === 'complete') finish({ source: header.source }, bytes.subarray(header.length))
  }
  socket.on('data', onData)
  socket.on('end', onEnd)
}
