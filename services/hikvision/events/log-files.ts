import { appendFile, mkdir, readdir, rename, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { Database } from '../../shared/database.ts'
import type { Logger } from '../../shared/logger.ts'
import { type EventRow, shownColumns, shownEvent } from './shown-event.ts'

export interface LogFilesSettings {
  readonly folder: string
  readonly database: Database
  /** Days after which a file goes. */
  readonly keepDays: number
  /** Bytes after which a file of the day is put aside as `….1.log`. Default: 64 MiB. */
  readonly mostBytes?: number
  readonly log: Logger
}

export interface LogFiles {
  /** Writes the lines of all events that have none yet. One at a time; calls in between are one call. */
  write(): Promise<void>
}

/** Faces that a terminal let in: what `Access Log` is about. */
const isAccess = ({ major, minor }: EventRow) => major === 5 && minor === 75

/**
 * `hikvision_events_{date}.log` with a line of JSON for each event, and `Access Log {date}.log` for accepted faces. The
 * date is that of the server's day. The database remembers how far they are written, so a kill costs no line; it may
 * cost that the last few stand twice.
 */
export function logFiles({
  folder,
  database,
  keepDays,
  mostBytes = 64 << 20,
  log,
}: LogFilesSettings): LogFiles {
  let running: Promise<void> | undefined
  let again = false
  let sweptOn = ''

  async function writeAll(): Promise<void> {
    await mkdir(folder, { recursive: true })
    for (;;) {
      const { rows } = await database.pool.query<EventRow>(
        `select ${shownColumns} from events left join devices on devices.id = device_id
         where events.id > (select last_id from log_progress) order by events.id limit 500`,
      )
      const last = rows.at(-1)
      if (last === undefined) return sweep()
      const days = Map.groupBy(rows, (row) => localDay(row.received_at))
      for (const [day, ofDay] of days) {
        await append(`hikvision_events_${day}`, ofDay)
        await append(`Access Log ${day}`, ofDay.filter(isAccess))
      }
      await database.pool.query('update log_progress set last_id = greatest(last_id, $1)', [last.id])
    }
  }

  async function append(name: string, rows: readonly EventRow[]): Promise<void> {
    if (rows.length === 0) return
    const path = join(folder, `${name}.log`)
    const size = await stat(path).then(
      (found) => found.size,
      () => 0,
    )
    if (size > mostBytes) await putAside(name)
    const lines = rows.map((row) => `${JSON.stringify(shownEvent(row))}\n`).join('')
    await appendFile(path, lines, { mode: 0o600, flush: true })
  }

  async function putAside(name: string): Promise<void> {
    const taken = (await readdir(folder)).filter((file) => file.startsWith(`${name}.`)).length
    await rename(join(folder, `${name}.log`), join(folder, `${name}.${taken}.log`))
  }

  /** Once a day. */
  async function sweep(): Promise<void> {
    const today = localDay(new Date())
    if (sweptOn === today) return
    sweptOn = today
    const oldest = localDay(new Date(Date.now() - keepDays * 86_400_000))
    for (const file of await readdir(folder)) {
      const day = /^(?:hikvision_events_|Access Log )(\d{4}-\d{2}-\d{2})\b.*\.log$/.exec(file)?.[1]
      if (day !== undefined && day < oldest) await rm(join(folder, file), { force: true })
    }
  }

  async function run(): Promise<void> {
    do {
      again = false
      try {
        await writeAll()
      } catch (error) {
        log.warn('the log files cannot be written now; they are made up for later', { error })
      }
    } while (again)
    running = undefined
  }

  return {
    write() {
      again = running !== undefined
      running ??= run()
      return running
    },
  }
}

// --- internal ---

function localDay(at: Date): string {
  const two = (number: number) => String(number).padStart(2, '0')
  return `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())}`
}
