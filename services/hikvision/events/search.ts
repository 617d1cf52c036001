import { z } from 'zod'
import type { Database } from '../../shared/database.ts'
import { type EventRow, type ShownEvent, shownColumns, shownEvent } from './shown-event.ts'

const wholeId = z.coerce.number().int().min(0).max(Number.MAX_SAFE_INTEGER)
const instant = z.iso.datetime({ offset: true, error: 'is not a time such as 2026-01-31T08:00:00Z' })

/** What a person looks for. All that is given must hold. */
export const eventFilter = z.object({
  device: wholeId.optional(),
  kind: z.string().max(40).optional(),
  outcome: z.enum(['granted', 'denied']).optional(),
  /** Part of a name, an employee number, a card, a plate, or a title. */
  q: z.string().max(100).optional(),
  from: instant.optional(),
  to: instant.optional(),
  understood: z.enum(['true', 'false']).optional(),
  /** Only events with a smaller number: the next page. */
  before: wholeId.optional(),
})

export type EventFilter = z.infer<typeof eventFilter>

/** The newest events that fit, at most `limit`. */
export async function searchEvents(
  database: Database,
  filter: EventFilter,
  limit: number,
): Promise<ShownEvent[]> {
  const { where, values } = conditions(filter)
  const { rows } = await database.pool.query<EventRow>(
    `select ${shownColumns} from events left join devices on devices.id = device_id
     ${where} order by events.id desc limit ${limit}`,
    values,
  )
  return rows.map(shownEvent)
}

/** The events with these numbers, oldest first. */
export async function eventsById(database: Database, ids: readonly number[]): Promise<ShownEvent[]> {
  const { rows } = await database.pool.query<EventRow>(
    `select ${shownColumns} from events left join devices on devices.id = device_id
     where events.id = any($1::bigint[]) order by events.id`,
    [ids],
  )
  return rows.map(shownEvent)
}

// --- internal ---

function conditions(filter: EventFilter): { where: string; values: unknown[] } {
  const values: unknown[] = []
  const parts: string[] = []
  const add = (sql: string, value: unknown) => {
    if (value === undefined) return
    values.push(value)
    parts.push(sql.replaceAll('?', `$${values.length}`))
  }
  add('device_id = ?', filter.device)
  add('kind = ?', filter.kind)
  add('outcome = ?', filter.outcome)
  add('received_at >= ?', filter.from)
  add('received_at < ?', filter.to)
  add('understood = ?', filter.understood && filter.understood === 'true')
  add('events.id < ?', filter.before)
  add(
    `(person_name ilike ? or person_number ilike ? or card ilike ? or plate ilike ? or title ilike ?
      or channel_name ilike ? or devices.name ilike ?)`,
    filter.q && `%${filter.q.replaceAll('\0', '').replace(/[\\%_]/g, '\\$&')}%`,
  )
  return { where: parts.length === 0 ? '' : `where ${parts.join(' and ')}`, values }
}
