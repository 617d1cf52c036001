import type pg from 'pg'
import type { Database } from '../../shared/database.ts'
import type { PictureType } from '../uploads/formats.ts'

/** A row: a picture that was uploaded, and the job of restoring it. */
export interface Restoration {
  readonly id: string
  readonly user_id: string
  readonly session_id: string
  readonly original_filename: string
  readonly stem: string
  readonly model_id: string
  readonly parameters: Readonly<Record<string, unknown>>
  readonly type: PictureType
  readonly width: number
  readonly height: number
  readonly notes: readonly string[]
  readonly state: 'queued' | 'running' | 'done' | 'failed'
  readonly step: string
  /** 0 to 1. */
  readonly progress: number
  readonly attempts: number
  readonly failure: Failure | null
  readonly processed_type: PictureType | null
  readonly processed_width: number | null
  readonly processed_height: number | null
  readonly created_at: Date
  readonly finished_at: Date | null
}

/** Why it failed, as its owner reads it. */
export interface Failure {
  readonly status: number
  readonly title: string
  readonly retry_after?: number
}

export type NewRestoration = Pick<
  Restoration,
  | 'id'
  | 'user_id'
  | 'session_id'
  | 'original_filename'
  | 'stem'
  | 'model_id'
  | 'parameters'
  | 'type'
  | 'width'
  | 'height'
  | 'notes'
> & { readonly bytes: number }

/** What an owner asks of the table. Nobody else's rows are ever answered. */
export interface Restorations {
  /** Adds a row, if the quota of its user allows: answers whether. */
  add(restoration: NewRestoration, quota: number): Promise<boolean>
  find(id: string, userId: string): Promise<Restoration | undefined>
  list(
    userId: string,
    page: { limit: number; offset: number },
  ): Promise<{ items: Restoration[]; total: number }>
  /** Answers whether there was one. */
  remove(id: string, userId: string): Promise<boolean>
  /** Puts a failed one, or one that is done, back into the queue; answers whether. */
  again(id: string, userId: string): Promise<boolean>
  bytesOf(userId: string): Promise<number>
  /** How many wait or are under way, of all users. */
  waiting(): Promise<number>
}

export function restorationTable(database: Database): Restorations {
  const { pool } = database
  return {
    add: (row, quota) =>
      database.inTransaction(async (client) => {
        // Two uploads at once must not both find room for the last megabyte.
        await client.query('select 1 from photo_users where id = $1 for update', [row.user_id])
        if ((await bytesOf(client, row.user_id)) + row.bytes > quota) return false
        await client.query(
          `insert into restorations
             (id, user_id, session_id, original_filename, stem, model_id, parameters, type, width, height, bytes, notes)
           values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)`,
          [
            row.id,
            row.user_id,
            row.session_id,
            row.original_filename,
            row.stem,
            row.model_id,
            JSON.stringify(row.parameters),
            row.type,
            row.width,
            row.height,
            row.bytes,
            JSON.stringify(row.notes),
          ],
        )
        return true
      }),
    async find(id, userId) {
      const { rows } = await pool.query<Restoration>(
        'select * from restorations where id = $1 and user_id = $2',
        [id, userId],
      )
      return rows[0]
    },
    async list(userId, { limit, offset }) {
      const { rows: items } = await pool.query<Restoration>(
        'select * from restorations where user_id = $1 order by created_at desc, id limit $2 offset $3',
        [userId, limit, offset],
      )
      const { rows } = await pool.query<{ total: number }>(
        'select count(*)::int as total from restorations where user_id = $1',
        [userId],
      )
      return { items, total: rows[0]?.total ?? 0 }
    },
    async remove(id, userId) {
      const { rowCount } = await pool.query('delete from restorations where id = $1 and user_id = $2', [
        id,
        userId,
      ])
      return rowCount === 1
    },
    async again(id, userId) {
      const { rowCount } = await pool.query(
        `update restorations set state = 'queued', step = 'Waiting', progress = 0, attempts = 0, failure = null,
           claimed_by = null, claimed_until = null, finished_at = null, queued_at = now()
         where id = $1 and user_id = $2 and state = 'failed'`,
        [id, userId],
      )
      return rowCount === 1
    },
    bytesOf: (userId) => bytesOf(pool, userId),
    async waiting() {
      const { rows } = await pool.query<{ n: number }>(
        `select count(*)::int as n from restorations where state in ('queued', 'running')`,
      )
      return rows[0]?.n ?? 0
    },
  }
}

// --- internal ---

async function bytesOf(client: pg.Pool | pg.PoolClient, userId: string): Promise<number> {
  const { rows } = await client.query<{ bytes: string }>(
    'select coalesce(sum(bytes + processed_bytes), 0) as bytes from restorations where user_id = $1',
    [userId],
  )
  return Number(rows[0]?.bytes ?? 0)
}
