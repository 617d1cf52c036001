import { type Request, type Response, Router } from 'express'
import { z } from 'zod'
import type { Queue } from '../jobs/queue.ts'
import type { PictureFiles } from '../pictures/files.ts'
import { refusal } from '../refusal.ts'
import { guard, sessionOf } from '../sign-in/guard.ts'
import { isUuid, type Sessions } from '../sign-in/sessions.ts'
import { formats } from '../uploads/formats.ts'
import { createSlots } from '../uploads/slots.ts'
import { processedName } from './addresses.ts'
import { answerOf } from './answer.ts'
import { streamProgress } from './events.ts'
import type { submitter } from './submit.ts'
import type { Restoration, Restorations } from './table.ts'

export interface RestorationRoutes {
  readonly sessions: Sessions
  readonly restorations: Restorations
  readonly files: PictureFiles
  readonly queue: Queue
  readonly submit: ReturnType<typeof submitter>
  /** The service stops: whoever waits is answered. */
  readonly stopping: AbortSignal
}

/** Milliseconds that a request waits for its picture; the proxy waits 120 seconds. */
const patience = 100_000
/** Event streams of one user: each looks into the table every two seconds. */
const mostStreams = 16

/** `/api/v1/restore…` */
export function restorationRoutes(settings: RestorationRoutes): Router {
  const { sessions, restorations, files, queue, submit, stopping } = settings
  const routes = Router()
  const streams = createSlots(mostStreams)
  routes.use(guard(sessions))
  routes.use((_request, response, next) => {
    response.set('Cache-Control', 'no-store')
    next()
  })

  /** Answers when the picture is restored; with `Prefer: respond-async` (RFC 7240) as soon as it is in the queue. */
  routes.post('/', async (request, response) => {
    const session = sessionOf(response)
    const id = await submit(request, session)
    queue.wake()
    const isAsync = /(^|,)\s*respond-async\b/i.test(request.get('prefer') ?? '')
    const find = () => restorations.find(id, session.user.id)
    const row = isAsync ? await find() : await untilEnded(find, id, response)
    if (row?.state === 'failed' && row.failure !== null) {
      const { status, title, retry_after } = row.failure
      throw refusal(status, title, {
        headers: retry_after === undefined ? {} : { 'Retry-After': String(retry_after) },
        id,
      })
    }
    if (row === undefined) throw refusal(404, 'The picture was deleted meanwhile.')
    if (row.state !== 'done') {
      response.status(202).set('Location', `/api/v1/restore/${id}`)
      if (isAsync) response.set('Preference-Applied', 'respond-async')
    }
    response.json(answerOf(row))
  })

  routes.get('/history', async (request, response) => {
    const page = pageOf(request)
    const { items, total } = await restorations.list(sessionOf(response).user.id, page)
    response.json({ items: items.map(answerOf), total, ...page })
  })

  routes.get('/:id', async (request, response) => {
    response.json(answerOf(await rowOf(request, response)))
  })

  routes.get('/:id/events', async (request, response) => {
    const { id, user_id } = await rowOf(request, response)
    const giveBack = streams.take(user_id)
    if (giveBack === undefined)
      throw refusal(429, `You follow ${mostStreams} pictures already. Close one of them first.`, {
        headers: { 'Retry-After': '5' },
      })
    const find = () => restorations.find(id, user_id)
    await streamProgress(request, response, { id, queue, stopping, find }).finally(giveBack)
  })

  routes.get('/:id/download', async (request, response) => {
    const row = await rowOf(request, response)
    if (row.processed_type === null) throw refusal(409, 'The picture is not restored yet.')
    response.type(formats[row.processed_type].mediaType)
    response.download(files.processed(row.id, row.processed_type), processedName(row, row.processed_type), {
      dotfiles: 'allow',
      cacheControl: false,
    })
  })

  routes.post('/:id/retry', async (request, response) => {
    const { id, user_id } = await rowOf(request, response)
    if (!(await restorations.again(id, user_id)))
      throw refusal(409, 'Only what has failed can be tried again.')
    queue.wake()
    response.status(202).json(answerOf(await rowOf(request, response)))
  })

  routes.delete('/:id', async (request, response) => {
    const { id, user_id } = await rowOf(request, response)
    await restorations.remove(id, user_id)
    queue.cancel(id)
    await files.remove(id)
    response.status(204).end()
  })
  return routes

  /** The row that an address names, if it is of whoever asks. Another's is as absent as none. */
  async function rowOf(request: Request, response: Response): Promise<Restoration> {
    const { id } = request.params
    const row = isUuid(id) ? await restorations.find(id, sessionOf(response).user.id) : undefined
    if (row === undefined) throw refusal(404, 'There is no such picture, or it is not yours.')
    return row
  }

  async function untilEnded(find: () => Promise<Restoration | undefined>, id: string, response: Response) {
    const left = new AbortController()
    response.on('close', () => left.abort())
    if (response.destroyed) left.abort()
    const enough = AbortSignal.any([left.signal, stopping, AbortSignal.timeout(patience)])
    for (;;) {
      const waited = queue.change(id, 1_000, enough)
      const row = await find()
      if (row === undefined || row.state === 'done' || row.state === 'failed') return row
      if (enough.aborted) return row
      await waited
    }
  }
}

// --- internal ---

function pageOf({ query }: Request): { limit: number; offset: number } {
  const parsed = z
    .object({
      limit: z.coerce.number().int().min(1).max(100).default(50),
      offset: z.coerce.number().int().min(0).max(1_000_000).default(0),
    })
    .safeParse(query)
  if (!parsed.success) throw refusal(400, 'limit is 1 to 100, offset is 0 or more.')
  return parsed.data
}
