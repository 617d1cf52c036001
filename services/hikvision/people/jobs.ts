import type { Database } from '../../shared/database.ts'
import { Problem } from '../../shared/problem.ts'

/** Something that is to be done on a device, until it is done, refused, or no longer wanted. */
export interface Job {
  readonly id: number
  readonly device: number
  readonly person: string
  readonly kind: 'put' | 'remove'
  /** Including this one. */
  readonly attempts: number
}

export interface Jobs {
  /** A job that still waits for the same person on the same device is replaced: only the last word counts. */
  add(devices: readonly number[], person: { number: string; name: string }, kind: Job['kind']): Promise<void>
  /** Devices with work that is due. */
  due(): Promise<number[]>
  /** The oldest job of a device that is due, as running. */
  take(device: number): Promise<Job | undefined>
  finish(job: Job, outcome: 'done' | 'failed', reason?: string, code?: string): Promise<void>
  /** Puts it back, to be tried again after so many milliseconds. */
  putBack(job: Job, pause: number, reason: string, code?: string): Promise<void>
  /** All that waits for a device is due in so many milliseconds. */
  postpone(device: number, pause: number): Promise<void>
  /** Puts back what nobody works on, because a process was killed or could not say how it ended. */
  recover(workedOn: readonly number[]): Promise<void>
  /** What waits for a device that was away is due: it may have come back. */
  hurry(): Promise<void>
  list(filter: { device?: number; person?: string; state?: string }): Promise<Record<string, unknown>[]>
  /** Tries a failed one again. */
  retry(id: number): Promise<number>
  cancel(id: number): Promise<void>
}

export function openJobs(database: Database): Jobs {
  const { pool } = database
  return {
    async add(devices, person, kind) {
      await database.inTransaction(async (client) => {
        await client.query(
          `update jobs set state = 'replaced', finished_at = now()
           where state = 'waiting' and person_number = $1 and device_id = any($2::bigint[])`,
          [person.number, devices],
        )
        await client.query(
          `insert into jobs (device_id, person_number, person_name, kind) select unnest($1::bigint[]), $2, $3, $4`,
          [devices, person.number, person.name, kind],
        )
      })
    },
    async due() {
      const { rows } = await pool.query<{ device_id: string }>(
        "select distinct device_id from jobs where state = 'waiting' and next_at <= now()",
      )
      return rows.map((row) => Number(row.device_id))
    },
    async take(device) {
      const { rows } = await pool.query<{
        id: string
        person_number: string
        kind: Job['kind']
        attempts: number
      }>(
        `update jobs set state = 'running', attempts = attempts + 1 where id = (
           select id from jobs where device_id = $1 and state = 'waiting' and next_at <= now() order by id limit 1)
         returning id, person_number, kind, attempts`,
        [device],
      )
      const [row] = rows
      return (
        row && {
          id: Number(row.id),
          device,
          person: row.person_number,
          kind: row.kind,
          attempts: row.attempts,
        }
      )
    },
    async finish({ id }, outcome, reason, code) {
      await pool.query(
        'update jobs set state = $2, reason = $3, reason_code = $4, finished_at = now() where id = $1',
        [id, outcome, reason ?? null, code ?? null],
      )
    },
    async putBack({ id, device, person }, pause, reason, code) {
      await database.inTransaction(async (client) => {
        // While it ran another may have been asked for; then that one is the last word.
        const { rowCount } = await client.query(
          "select 1 from jobs where device_id = $1 and person_number = $2 and state = 'waiting'",
          [device, person],
        )
        await client.query(
          `update jobs set state = $2, reason = $3, reason_code = $4, next_at = now() + $5 * interval '1 millisecond'
           where id = $1`,
          [id, rowCount === 0 ? 'waiting' : 'replaced', reason, code ?? null, pause],
        )
      })
    },
    async postpone(device, pause) {
      await pool.query(
        "update jobs set next_at = now() + $2 * interval '1 millisecond' where device_id = $1 and state = 'waiting'",
        [device, pause],
      )
    },
    async recover(workedOn) {
      await pool.query(
        `update jobs set state = case when exists (select 1 from jobs newer where newer.state = 'waiting'
           and newer.device_id = jobs.device_id and newer.person_number = jobs.person_number)
           then 'replaced' else 'waiting' end, next_at = now()
         where state = 'running' and device_id <> all($1::bigint[])`,
        [workedOn],
      )
    },
    async hurry() {
      await pool.query("update jobs set next_at = now() where state = 'waiting' and reason_code = 'away'")
    },
    async list({ device, person, state }) {
      const { rows } = await pool.query(
        `select id::integer, device_id::integer as device, person_number as "personNumber", person_name as "personName",
           kind, state, attempts, next_at as "nextAt", reason, reason_code as "reasonCode", created_at as "createdAt",
           finished_at as "finishedAt" from jobs
         where ($1::bigint is null or device_id = $1) and ($2::text is null or person_number = $2)
           and ($3::text is null or state = $3) order by id desc limit 200`,
        [device ?? null, person ?? null, state ?? null],
      )
      return rows
    },
    async retry(id) {
      const { rows } = await pool.query<{ device_id: string }>(
        `update jobs set state = 'waiting', next_at = now(), attempts = 0, finished_at = null
         where id = $1 and state in ('failed', 'cancelled', 'waiting') and not exists (
           select 1 from jobs other where other.device_id = jobs.device_id
             and other.person_number = jobs.person_number and other.id > jobs.id)
         returning device_id`,
        [id],
      )
      if (rows[0] === undefined)
        throw new Problem(
          409,
          'That job is not one that can be tried again; a newer one may stand in its place',
        )
      return Number(rows[0].device_id)
    },
    async cancel(id) {
      const { rowCount } = await pool.query(
        "update jobs set state = 'cancelled', finished_at = now() where id = $1 and state = 'waiting'",
        [id],
      )
      if (rowCount === 0) throw new Problem(409, 'Only a job that waits can be called off')
    },
  }
}
