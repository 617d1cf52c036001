import type { Request, Response } from 'express'
import type { Queue } from '../jobs/queue.ts'
import { progressOf } from './answer.ts'
import type { Restoration } from './table.ts'

interface Followed {
  readonly id: string
  find(): Promise<Restoration | undefined>
  readonly queue: Queue
  /** The service stops. */
  readonly stopping: AbortSignal
}

/** Milliseconds between two looks into the table, for what another process works on; and between two signs of life. */
const [lookEvery, aliveEvery] = [2_000, 15_000]

/**
 * Tells of a restoration as it goes on, as server-sent events: `progress` with each change, and at the end `done`,
 * `failed` or `gone`, after which the stream ends. A browser that lost the connection asks again and misses nothing, since
 * each event tells everything.
 */
export async function streamProgress(
  request: Request,
  response: Response,
  { id, find, queue, stopping }: Followed,
): Promise<void> {
  const left = new AbortController()
  response.on('close', () => left.abort())
  // Whoever left while their row was looked up does not leave again.
  if (response.destroyed) return
  response.set({
    'Content-Type': 'text/event-stream',
    'Cache-Control': 'no-store',
    'X-Accel-Buffering': 'no',
  })
  response.flushHeaders()
  request.socket.setNoDelay(true)
  const ended = AbortSignal.any([left.signal, stopping])
  let told = ''
  let alive = Date.now()
  while (!ended.aborted) {
    // Subscribed before the look, or a change between the two would be missed.
    const waited = queue.change(id, lookEvery, ended)
    // While the database is away the last word stands.
    const row = await find().catch(() => null)
    if (left.signal.aborted) return
    if (row === undefined) return void response.end('event: gone\ndata: {}\n\n')
    const text = row === null ? told : JSON.stringify(progressOf(row))
    const isEnd = row?.state === 'done' || row?.state === 'failed'
    if (text !== told || isEnd) {
      told = text
      response.write(`event: ${isEnd ? row.state : 'progress'}\ndata: ${text}\n\n`)
      alive = Date.now()
    } else if (Date.now() - alive > aliveEvery) {
      response.write(': still here\n\n')
      alive = Date.now()
    }
    if (isEnd) return void response.end()
    await waited
  }
  // The browser asks again, and finds the next process.
  response.end()
}
