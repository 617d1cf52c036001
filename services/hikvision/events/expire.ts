import { readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { Database } from '../../shared/database.ts'
import type { Logger } from '../../shared/logger.ts'

export interface ExpireSettings {
  readonly database: Database
  /** That of the service; pictures and raw bodies lie there in a folder for each day. */
  readonly folder: string
  /** Days that an event is kept. 0: for ever. */
  readonly keepDays: number
  readonly log: Logger
}

const hour = 3_600_000

/** Removes events that are too old, with their pictures: at the start, and every hour. */
export function expireEvents({ database, folder, keepDays, log }: ExpireSettings): { stop(): void } {
  if (keepDays === 0) return { stop() {} }

  async function expire(): Promise<void> {
    const oldest = new Date(Date.now() - keepDays * 24 * hour)
    // A picture without its event is found by nobody, so the events go first; the day's folder goes when all have.
    await database.pool.query('delete from events where received_at < $1', [oldest])
    for (const kind of ['faces', 'raw']) {
      const days = await readdir(join(folder, kind)).catch(() => [])
      const over = days.filter(
        (day) => /^\d{4}-\d\d-\d\d$/.test(day) && day < oldest.toISOString().slice(0, 10),
      )
      for (const day of over) await rm(join(folder, kind, day), { recursive: true, force: true })
    }
  }
  const run = () =>
    void expire().catch((error) => log.warn('what is too old cannot be removed now', { error }))

  run()
  const timer = setInterval(run, hour).unref()
  return { stop: () => clearInterval(timer) }
}
