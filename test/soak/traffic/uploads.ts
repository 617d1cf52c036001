import { createHash } from 'node:crypto'
import { bodyOf, mostBytes } from '../body.ts'
import { between, pick } from '../chance.ts'
import type { Kind } from '../world.ts'
import { inShort } from './requests.ts'

/** Bodies that go up: their digest has to come back, and one that is too large is refused. */
export const uploads: readonly Kind[] = [
  {
    name: 'uploads',
    copies: 2,
    pause: 150,
    async turn({ doors, tally }) {
      const body = bodyOf(
        between(0, 1_000_000),
        pick([between(1, 5_000), between(50_000, 200_000), mostBytes]),
      )
      const ask = doors[pick(['http1', 'http2'] as const)]
      const reply = await ask({ method: 'POST', path: '/upload/digest', body })
      const due = `${body.length} ${createHash('sha1').update(body).digest('hex')}`
      if (reply.status === 200 && reply.body.toString() === due) tally.right(this.name)
      else if (reply.status === 503) tally.refused(this.name)
      else tally.wrong(this.name, inShort(reply))
    },
  },
  {
    name: 'uploads that are too large',
    copies: 1,
    pause: 1000,
    async turn({ doors, tally }) {
      const reply = await doors.http2({
        method: 'POST',
        path: '/upload/digest',
        body: Buffer.alloc(2 * mostBytes + 1),
      })
      if (reply.status === 413) tally.right(this.name)
      else if (reply.status === 503) tally.refused(this.name)
      else tally.wrong(this.name, inShort(reply))
    },
  },
]
