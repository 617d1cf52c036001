import { between, pick } from '../chance.ts'
import type { Kind } from '../world.ts'
import { inShort } from './requests.ts'

/** Upstreams that come and go, and that lie: each client is told so in time, and hears no lie. */
export const misfits: readonly Kind[] = [
  {
    name: 'an upstream that flaps',
    copies: 2,
    pause: 200,
    async turn({ doors, tally }) {
      const reply = await doors[pick(['http1', 'http2'] as const)]({ path: '/flapping' })
      if (reply.status === 200 && reply.body.toString() === 'here') tally.right(this.name)
      else if ([502, 503, 504].includes(reply.status)) tally.refused(this.name)
      else tally.wrong(this.name, inShort(reply))
    },
  },
  {
    name: 'an upstream that lies',
    copies: 2,
    pause: 300,
    async turn({ doors, tally }) {
      const door = pick(['http1', 'http2'] as const)
      const reply = await doors[door]({ path: `/lying/${between(1, 1000)}` }).catch(() => undefined)
      // Half an answer is cut off, which is an error for whoever reads it.
      if (reply === undefined || [502, 503, 504].includes(reply.status)) tally.refused(this.name)
      else if (reply.status === 200 && reply.body.toString() === 'ok') tally.right(this.name)
      else tally.wrong(this.name, inShort(reply))
    },
  },
  {
    name: 'redirects of the plain port',
    copies: 1,
    pause: 300,
    async turn({ gatehouse, tally }) {
      const reply = await fetch(`http://127.0.0.1:${gatehouse.http}/api/x`, {
        redirect: 'manual',
        headers: { connection: pick(['close', 'keep-alive']) },
        signal: AbortSignal.timeout(60_000),
      })
      await reply.arrayBuffer()
      if (reply.status === 308) tally.right(this.name)
      else tally.wrong(this.name, String(reply.status))
    },
  },
]
