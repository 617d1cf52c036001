import { request } from 'node:https'
import { between } from '../chance.ts'
import type { Gatehouse } from '../gatehouse.ts'
import type { Kind } from '../world.ts'

/** Server-sent events: some are heard to the end, some are left in the middle. */
export const eventStreams: readonly Kind[] = [
  {
    name: 'event streams',
    copies: 8,
    pause: 500,
    async turn({ gatehouse, tally }) {
      const [count, every] = [between(1, 20), between(10, 400)]
      const most = between(1, 30)
      const left = new AbortController()
      const text = await listen(gatehouse, {
        path: `/events/events/${count}/${every}`,
        // Who leaves early does so in the midst of the stream.
        heard: (text) => text.split('\n\n').length > most && left.abort(),
        signal: AbortSignal.any([left.signal, AbortSignal.timeout(60_000)]),
      }).catch((error) => {
        if (!left.signal.aborted) throw error
      })
      const due = Array.from({ length: count }, (_, i) => `data: ${i}\n\n`).join('')
      if (text === undefined || text === due) tally.right(this.name)
      else tally.wrong(this.name, `${JSON.stringify(text.slice(0, 300))} for ${count} every ${every} ms`)
    },
  },
]

interface Listening {
  readonly path: string
  heard(text: string): void
  readonly signal: AbortSignal
}

/** The whole of a stream. Rejects if it is cut off, and when the signal says so. */
function listen({ https, ca }: Gatehouse, { path, heard, signal }: Listening): Promise<string> {
  return new Promise((resolve, reject) => {
    const asked = request({
      host: '127.0.0.1',
      port: https,
      path,
      servername: 'localhost',
      ca,
      agent: false,
      headers: { host: 'localhost', accept: 'text/event-stream' },
      signal,
    })
    asked.on('error', reject)
    asked.on('response', (response) => {
      let text = ''
      response.on('error', reject)
      response.on('data', (chunk) => {
        text += chunk
        heard(text)
      })
      // A request that is destroyed ends its response as if it were whole.
      response.on('end', () => (signal.aborted ? reject(signal.reason) : resolve(text)))
    })
    asked.end()
  })
}
