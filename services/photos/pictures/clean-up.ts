import { type Database, isAway } from '../../shared/database.ts'
import type { Logger } from '../../shared/logger.ts'
import type { PictureFiles } from './files.ts'

export interface CleanUpSettings {
  readonly database: Database
  readonly files: PictureFiles
  /** Milliseconds that pictures are kept. */
  readonly keepFor: number
  readonly log: Logger
}

/** Milliseconds after which a file that belongs to nothing was left by a process that ended: an upload grows all the time. */
const untouched = 10 * 60_000

/**
 * Removes pictures that are too old, with their rows, and whatever was left half done. At the start, and then every
 * few minutes. Answers how to stop it.
 */
export async function startCleanUp({ database, files, keepFor, log }: CleanUpSettings): Promise<() => void> {
  // Nobody else works in the folder of an embedded database: what is half done at the start will never be whole.
  await cleanUp(database.kind === 'embedded' ? 0 : untouched)
  const timer = setInterval(() => void cleanUp(untouched), Math.min(untouched, keepFor / 4))
  return () => clearInterval(timer)

  async function cleanUp(strays: number): Promise<void> {
    try {
      const { rows } = await database.pool.query<{ id: string }>(
        `delete from restorations where created_at < now() - make_interval(secs => $1) and state <> 'running' returning id`,
        [keepFor / 1000],
      )
      for (const { id } of rows) await files.remove(id)
      await database.pool.query(
        `delete from photo_sessions where expires_at < now() - interval '1 day' or ended_at < now() - interval '1 day'`,
      )
      const removed = await files.removeStrays(strays, known)
      if (rows.length + removed > 0) log.info('cleaned up', { pictures: rows.length, strays: removed })
    } catch (error) {
      if (!isAway(error)) log.error('the clean-up failed', { error })
    }
  }

  async function known(ids: string[]): Promise<ReadonlySet<string>> {
    const { rows } = await database.pool.query<{ id: string }>(
      'select id::text as id from restorations where id::text = any($1)',
      [ids],
    )
    return new Set(rows.map(({ id }) => id))
  }
}
