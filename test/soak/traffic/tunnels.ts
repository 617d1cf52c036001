import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { type ClientOptions, WebSocket } from 'ws'
import { bodyOf } from '../body.ts'
import { between } from '../chance.ts'
import type { Kind } from '../world.ts'

/**
 * WebSockets: opened, used, left idle, and ended in every manner. What is said comes back, whole and in order, and
 * nobody but the client ends one.
 */
export const tunnels: readonly Kind[] = [
  {
    name: 'tunnels',
    copies: 12,
    pause: 500,
    async turn({ gatehouse, tally }) {
      const options: ClientOptions & { servername: string } = {
        ca: gatehouse.ca,
        servername: 'localhost',
        headers: { host: 'localhost' },
        handshakeTimeout: 60_000,
      }
      const socket = new WebSocket(`wss://127.0.0.1:${gatehouse.https}/tunnel`, options)
      socket.on('error', () => {})
      await once(socket, 'open')
      const closed = once(socket, 'close')
      const lost = closed.then(([code]) => Promise.reject(new Error(`it was closed with code ${code}`)))
      // It is awaited only while an echo is due.
      lost.catch(() => {})
      try {
        for (let i = between(0, 10); i > 0; i--) {
          const said = bodyOf(between(0, 1_000_000), between(0, 20_000))
          const heard = once(socket, 'message')
          socket.send(said)
          const [message] = await Promise.race([heard, lost])
          if (said.equals(message as Buffer)) tally.right(this.name)
          else tally.wrong(this.name, `${(message as Buffer).length} bytes for ${said.length}`)
          await sleep(between(0, 500))
        }
        if (socket.readyState !== WebSocket.OPEN) await lost
        if (between(1, 2) === 1) socket.close()
        else socket.terminate()
        await closed
      } finally {
        socket.terminate()
      }
    },
  },
]
