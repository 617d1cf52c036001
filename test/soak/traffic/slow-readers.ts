import { setTimeout as sleep } from 'node:timers/promises'
import { rawConnect } from '../../harness/raw-request.ts'
import { bodyOf, mostBytes } from '../body.ts'
import { between } from '../chance.ts'
import type { Kind } from '../world.ts'

/** Clients that take a long answer sip by sip, so that it has to wait in the upstream and not in the proxy. */
export const slowReaders: readonly Kind[] = [
  {
    name: 'slow readers',
    copies: 4,
    pause: 200,
    async turn({ gatehouse, tally }) {
      const seed = between(0, 1_000_000)
      const socket = await rawConnect(gatehouse.https, { tls: true })
      try {
        socket.pause()
        socket.write(
          `GET /api/body/${seed}/${mostBytes} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n`,
        )
        const chunks: Buffer[] = []
        const leaves = between(1, 4) === 1
        const sips = between(2, 20)
        for (let ended = false; !ended; ) {
          await sleep(2000 / sips)
          for (let chunk = socket.read(); chunk !== null; chunk = socket.read()) chunks.push(chunk)
          ended = socket.readableEnded || socket.destroyed || (leaves && chunks.length > 0)
        }
        if (leaves) return tally.right(this.name)
        const whole = Buffer.concat(chunks)
        const at = whole.indexOf('\r\n\r\n') + 4
        if (whole.subarray(at).equals(bodyOf(seed, mostBytes))) tally.right(this.name)
        else if (whole.toString('latin1', 0, 12) === 'HTTP/1.1 503') tally.refused(this.name)
        else tally.wrong(this.name, `${whole.length} bytes, ${whole.toString('latin1', 0, 100)}`)
      } finally {
        socket.destroy()
      }
    },
  },
]
