import { setTimeout as sleep } from 'node:timers/promises'
import type { Kind, World } from '../world.ts'
import { aborts } from './aborts.ts'
import { eventStreams } from './event-streams.ts'
import { misfits } from './misfits.ts'
import { requests } from './requests.ts'
import { slowReaders } from './slow-readers.ts'
import { tunnels } from './tunnels.ts'
import { uploads } from './uploads.ts'

const kinds: readonly Kind[] = [
  ...requests,
  ...uploads,
  ...tunnels,
  ...eventStreams,
  ...slowReaders,
  ...misfits,
  ...aborts,
]

/** Milliseconds. Whoever takes longer has been forgotten by somebody. */
const patience = 120_000

/** Everybody at once, until `stop` is called, which answers when the last has left. */
export function startTraffic(world: World, pace: () => number): { stop(): Promise<void> } {
  const ended = new AbortController()
  const { signal } = ended
  const clients = kinds.flatMap((kind) =>
    Array.from({ length: kind.copies }, async () => {
      while (!signal.aborted) {
        // Between none and twice the pause, so that they do not march in step.
        await sleep((Math.random() * 2 * kind.pause) / pace(), undefined, { signal }).catch(() => {})
        if (signal.aborted) return
        await inTime(kind.turn(world)).catch((error: Error) => world.tally.failed(kind.name, String(error)))
      }
    }),
  )
  return {
    async stop() {
      ended.abort()
      await Promise.all(clients)
    },
  }
}

async function inTime(turn: Promise<void>): Promise<void> {
  const late = new AbortController()
  const limit = sleep(patience, undefined, { signal: late.signal }).then(
    () => Promise.reject(new Error(`it did not end within ${patience} ms`)),
    () => {},
  )
  try {
    await Promise.race([turn, limit])
  } finally {
    late.abort()
  }
}
