import { once } from 'node:events'
import { type ClientOptions, WebSocket } from 'ws'
import { onEnd, type Teardown } from './teardown.ts'

export interface WebSocketClient {
  readonly socket: WebSocket
  send(message: string | Buffer): void
  /** The next message that has not been taken yet; waits for it. Rejects if the socket closes first. */
  next(): Promise<Buffer>
  /** Resolves with the code when the socket is closed, by either side. */
  readonly closed: Promise<number>
}

/** Opens a WebSocket, accepting any certificate. Rejects with `Unexpected server response: 403` if refused. */
export async function openWebSocket(
  t: Teardown,
  address: string,
  options: ClientOptions = {},
): Promise<WebSocketClient> {
  const socket = new WebSocket(address, { rejectUnauthorized: false, ...options })
  onEnd(t, () => socket.terminate())
  const waiting: Buffer[] = []
  socket.on('message', (message: Buffer) => waiting.push(message))
  const closed = new Promise<number>((resolve) => socket.on('close', resolve))
  await once(socket, 'open')
  socket.on('error', () => {})
  return {
    socket,
    closed,
    send: (message) => socket.send(message),
    async next() {
      while (waiting.length === 0) {
        if (socket.readyState === WebSocket.CLOSED)
          throw new Error('The WebSocket closed before a message came')
        await Promise.race([new Promise((resolve) => socket.once('message', resolve)), closed])
      }
      return waiting.shift() ?? Buffer.alloc(0)
    },
  }
}

/** Head of a WebSocket handshake, to be sent as raw bytes and spoiled as a test likes. */
export function upgradeHead(path: string, host: string, further: readonly string[] = []): string {
  return [
    `GET ${path} HTTP/1.1`,
    `Host: ${host}`,
    'Connection: Upgrade',
    'Upgrade: websocket',
    'Sec-WebSocket-Version: 13',
    'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
    ...further,
    '',
    '',
  ].join('\r\n')
}
