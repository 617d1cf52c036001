import type { Database } from '../../shared/database.ts'
import type { Failure, Restoration } from '../restorations/table.ts'
import type { PictureType } from '../uploads/formats.ts'

/**
 * What the queue does with rows. A claim names its process and ends by itself: a process that is gone cannot give it
 * back. Whoever lost a claim writes nothing any more.
 */
export function claims({ pool, kind }: Database, me: string) {
  /** Nobody else can have the embedded database, so what is claimed there by others was left by a process that ended. */
  const isLeft = `claimed_by <> '${me}'${kind === 'embedded' ? '' : ' and claimed_until < now()'}`
  const mine = `id = $1 and claimed_by = '${me}' and state = 'running'`

  async function update(set: string, values: unknown[]): Promise<boolean> {
    const { rowCount } = await pool.query(`update restorations set ${set} where ${mine}`, values)
    return rowCount === 1
  }

  return {
    /** Claims the one that waits longest. `skip locked`: several processes ask at once and get different ones. */
    async next(): Promise<Restoration | undefined> {
      const { rows } = await pool.query<Restoration>(
        `update restorations
         set state = 'running', step = 'Starting', claimed_by = '${me}', claimed_until = ${soon}, attempts = attempts + 1
         where id = (
           select id from restorations where state = 'queued' or (state = 'running' and ${isLeft})
           order by created_at limit 1 for update skip locked
         )
         returning *`,
      )
      return rows[0]
    },
    async isThere(id: string): Promise<boolean> {
      const { rowCount } = await pool.query('select 1 from restorations where id = $1', [id])
      return rowCount === 1
    },
    async renew(ids: readonly string[]): Promise<void> {
      await pool.query(
        `update restorations set claimed_until = ${soon} where id = any($1) and claimed_by = $2`,
        [ids, me],
      )
    },
    progress: (id: string, step: string, done: number) =>
      update('step = $2, progress = $3', [id, step, done]),
    finish: (
      id: string,
      {
        type,
        width,
        height,
        size,
        notes,
      }: { type: PictureType; width: number; height: number; size: number; notes: readonly string[] },
    ) =>
      update(
        `state = 'done', step = 'Done', progress = 1, finished_at = now(), claimed_by = null, claimed_until = null,
         processed_type = $2, processed_width = $3, processed_height = $4, processed_bytes = $5, notes = notes || $6::jsonb`,
        [id, type, width, height, size, JSON.stringify(notes)],
      ),
    fail: (id: string, failure: Failure) =>
      update(
        `state = 'failed', step = 'Failed', finished_at = now(), claimed_by = null, claimed_until = null, failure = $2`,
        [id, JSON.stringify(failure)],
      ),
    giveBack: (id: string) =>
      update(
        `state = 'queued', step = 'Waiting', attempts = attempts - 1, claimed_by = null, claimed_until = null`,
        [id],
      ),
  }
}

// --- internal ---

const soon = `now() + interval '20 seconds'`
