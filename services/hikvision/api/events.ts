import { join } from 'node:path'
import { Router } from 'express'
import { z } from 'zod'
import type { Database } from '../../shared/database.ts'
import { Problem } from '../../shared/problem.ts'
import { exportEvents } from '../events/export.ts'
import type { Live } from '../events/live.ts'
import { eventFilter, eventsById, searchEvents } from '../events/search.ts'
import { validate } from './validate.ts'

export interface EventRoutesSettings {
  readonly database: Database
  readonly live: Live
  /** Where raw bodies lie. */
  readonly folder: string
}

const page = 100
const number = z.coerce.number().int().min(1).max(Number.MAX_SAFE_INTEGER)

/** What came in: `/admin/events`, one of them, all that fit as a file, and as they come. */
export function eventRoutes({ database, live, folder }: EventRoutesSettings): Router {
  const router = Router()

  router.get('/admin/events', async (request, response) => {
    const events = await searchEvents(database, validate(eventFilter, request.query), page)
    const next = events.length === page ? events.at(-1)?.id : undefined
    response.json({ events, next: next ?? null })
  })

  router.get('/admin/events/stream', async (request, response) => {
    const last = number.safeParse(request.get('last-event-id'))
    const missed = last.success ? await since(last.data) : []
    live.watch(request, response, missed)
  })

  router.get('/admin/events/export', async (request, response) => {
    const { format } = validate(z.object({ format: z.enum(['csv', 'json']).default('csv') }), request.query)
    await exportEvents(database, validate(eventFilter, request.query), format, response)
  })

  router.get('/admin/events/:id', async (request, response) => {
    const id = validate(number, request.params.id)
    const [event] = await eventsById(database, [id])
    const { rows } = await database.pool.query<{ detail: unknown; raw: string | null }>(
      'select detail, raw from events where id = $1',
      [id],
    )
    if (event === undefined) throw new Problem(404, 'There is no such event')
    response.json({ ...event, detail: rows[0]?.detail ?? null, hasRaw: rows[0]?.raw != null })
  })

  router.get('/admin/events/:id/raw', async (request, response) => {
    const id = validate(number, request.params.id)
    const { rows } = await database.pool.query<{ raw: string | null }>(
      'select raw from events where id = $1',
      [id],
    )
    const file = rows[0]?.raw
    if (file == null) throw new Problem(404, 'Nothing is kept raw of that event')
    // Whatever it is, a browser must not take it for a page of ours.
    response
      .type('application/octet-stream')
      .set('Content-Disposition', `attachment; filename="event-${id}.bin"`)
    // The folder of the data may lie in one whose name begins with a dot.
    response.sendFile(join(folder, 'raw', file), { dotfiles: 'allow' })
  })

  /** For a browser whose connection broke: what came since, unless it is too long ago to be told line by line. */
  async function since(id: number) {
    const { rows } = await database.pool.query<{ id: string }>(
      'select id from events where id > $1 order by id limit 500',
      [id],
    )
    return eventsById(
      database,
      rows.map((row) => Number(row.id)),
    )
  }

  return router
}
