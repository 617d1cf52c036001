import { once } from 'node:events'
import type { Response } from 'express'
import type { Database } from '../../shared/database.ts'
import { type EventFilter, searchEvents } from './search.ts'
import type { ShownEvent } from './shown-event.ts'

/** Rows that are read at a time: however long the export is, that is what is held in memory. */
const page = 500

/** Writes all events that fit, newest first, as CSV or as a list of JSON. */
export async function exportEvents(
  database: Database,
  filter: EventFilter,
  format: 'csv' | 'json',
  response: Response,
): Promise<void> {
  const write = async (text: string) => {
    if (!response.write(text)) await Promise.race([once(response, 'drain'), once(response, 'close')])
  }
  let events = await searchEvents(database, filter, page)
  const name = `hikvision-events-${new Date().toISOString().slice(0, 10)}.${format}`
  response.set('Content-Disposition', `attachment; filename="${name}"`).set('Cache-Control', 'no-store')
  response.type(format === 'csv' ? 'text/csv; charset=utf-8' : 'application/json')
  // A spreadsheet takes UTF-8 for what it is by the mark at its beginning.
  await write(format === 'csv' ? `\uFEFF${columns.map(([title]) => title).join()}\r\n` : '[')
  let first = true
  while (events.length > 0 && !response.destroyed) {
    const lines = events.map((event) => (format === 'csv' ? csvLine(event) : JSON.stringify(event)))
    await write(format === 'csv' ? lines.join('') : `${first ? '\n' : ',\n'}${lines.join(',\n')}`)
    first = false
    if (events.length < page) break
    events = await searchEvents(database, { ...filter, before: events.at(-1)?.id }, page)
  }
  response.end(format === 'csv' ? '' : '\n]\n')
}

// --- internal ---

const columns: [title: string, value: (event: ShownEvent) => unknown][] = [
  ['id', (event) => event.id],
  ['received', (event) => event.received],
  ['happened', (event) => event.happened],
  ['device time', (event) => event.deviceTime],
  ['device', (event) => event.device.name],
  ['kind', (event) => event.kind],
  ['title', (event) => event.title],
  ['state', (event) => event.state],
  ['outcome', (event) => event.outcome],
  ['person number', (event) => event.person?.number],
  ['person name', (event) => event.person?.name],
  ['card', (event) => event.card],
  ['door', (event) => event.door],
  ['reader', (event) => event.reader],
  ['channel', (event) => event.channel],
  ['channel name', (event) => event.channelName],
  ['plate', (event) => event.plate],
  ['attendance', (event) => event.attendance],
  ['code', (event) => event.code],
  ['reports', (event) => event.posts],
  ['pictures', (event) => event.pictures.length],
  ['from', (event) => event.from],
  ['understood', (event) => event.understood],
  ['reason', (event) => event.reason],
]

function csvLine(event: ShownEvent): string {
  return `${columns.map(([, value]) => csvField(value(event))).join()}\r\n`
}

/** A spreadsheet runs what begins like a formula, and a device's name may be anybody's text. */
function csvField(value: unknown): string {
  const text = String(value ?? '')
  const safe = /^[=+\-@\t\r]/.test(text) && typeof value !== 'number' ? `'${text}` : text
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe
}
