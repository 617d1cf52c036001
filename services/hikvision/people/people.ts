import { z } from 'zod'
import type { Database } from '../../shared/database.ts'
import { Problem } from '../../shared/problem.ts'
import type { DevicePerson } from '../isapi/persons.ts'

const localTime = z
  .string()
  .regex(
    /^20(?:[0-2]\d|3[0-7])-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}$/,
    'is not a time such as 2026-01-31T00:00:00, up to 2037',
  )
  .refine((text) => !Number.isNaN(Date.parse(`${text}Z`)), 'is not a day of the calendar')

/** Devices take 32 bytes of letters and digits. */
export const personNumber = z
  .string()
  .regex(/^[A-Za-z0-9_-]{1,32}$/, 'is not 1 to 32 letters, digits, dashes')

export const personInput = z
  .object({
    name: z
      .string()
      .trim()
      .min(1, 'is empty')
      .refine((name) => Buffer.byteLength(name) <= 128, 'is longer than 128 bytes'),
    type: z.enum(['normal', 'visitor', 'blackList']).default('normal'),
    validFrom: localTime.default('2020-01-01T00:00:00'),
    // Some firmware knows no day after this one.
    validTo: localTime.default('2037-12-31T23:59:59'),
    doors: z.array(z.number().int().min(1).max(256)).max(64).default([1]),
    cards: z
      .array(z.string().regex(/^[A-Za-z0-9-]{1,20}$/, 'is not 1 to 20 letters, digits, dashes'))
      .max(5)
      .default([]),
    devices: z.array(z.number().int()).max(1000).default([]),
  })
  .refine(({ validFrom, validTo }) => validFrom < validTo, {
    path: ['validTo'],
    message: 'is not after validFrom',
  })

export type PersonInput = z.infer<typeof personInput>

export interface Person extends DevicePerson {
  readonly cards: readonly string[]
  /** File of the picture. */
  readonly face: string | undefined
}

export interface People {
  list(): Promise<Record<string, unknown>[]>
  find(number: string): Promise<Person | undefined>
  /** Makes or changes a person. Answers on which devices they are to be now, and on which no longer. */
  put(number: string, input: PersonInput): Promise<{ on: number[]; off: number[]; isNew: boolean }>
  /** Sets or removes the face. Answers the devices that are to hear of it, and the face that nobody has any more. */
  setFace(number: string, face: string | undefined): Promise<{ devices: number[]; oldFace?: string }>
  /** Answers the devices from which they are to go, and the face that nobody has any more. */
  remove(number: string): Promise<{ name: string; devices: number[]; oldFace?: string }>
  faceSent(number: string, device: number): Promise<string | undefined>
  noteFaceSent(number: string, device: number, face: string | undefined): Promise<void>
}

export function openPeople(database: Database): People {
  const { pool } = database
  return {
    async list() {
      const { rows } = await pool.query(listing)
      return rows
    },
    async find(number) {
      const { rows } = await pool.query<Omit<Person, 'face'> & { face: string | null }>(
        `select number, name, type, valid_from as "validFrom", valid_to as "validTo", doors, cards, face
         from people where number = $1`,
        [number],
      )
      return rows[0] && { ...rows[0], face: rows[0].face ?? undefined }
    },
    put: (number, input) =>
      database.inTransaction(async (client) => {
        const { rows } = await client.query<{ is_new: boolean }>(upsert, [
          ...[number, input.name, input.type, input.validFrom, input.validTo, input.doors, input.cards],
        ])
        const known = await client.query<{ id: string }>(
          'select id from devices where id = any($1::bigint[])',
          [input.devices],
        )
        const on = known.rows.map(({ id }) => Number(id))
        if (on.length < new Set(input.devices).size)
          throw new Problem(400, 'One of the devices does not exist')
        const gone = await client.query<{ device_id: string }>(
          'delete from person_devices where person_number = $1 and device_id <> all($2::bigint[]) returning device_id',
          [number, on],
        )
        await client.query(
          `insert into person_devices (person_number, device_id) select $1, unnest($2::bigint[])
           on conflict do nothing`,
          [number, on],
        )
        return { on, off: gone.rows.map((row) => Number(row.device_id)), isNew: rows[0]?.is_new === true }
      }),
    async setFace(number, face) {
      const changed = await pool.query<{ face: string | null }>(
        `update people set face = $2, updated_at = now()
         from (select face from people where number = $1 for update) before where number = $1 returning before.face`,
        [number, face ?? null],
      )
      if (changed.rowCount === 0) throw new Problem(404, 'There is no such person')
      const before = changed.rows[0]?.face
      const { rows } = await pool.query<{ device_id: string }>(
        'select device_id from person_devices where person_number = $1',
        [number],
      )
      return {
        devices: rows.map((row) => Number(row.device_id)),
        ...(before && before !== face && { oldFace: before }),
      }
    },
    remove: (number) =>
      database.inTransaction(async (client) => {
        const { rows } = await client.query<{ device_id: string }>(
          'select device_id from person_devices where person_number = $1',
          [number],
        )
        const gone = await client.query<{ name: string; face: string | null }>(
          'delete from people where number = $1 returning name, face',
          [number],
        )
        const [person] = gone.rows
        if (person === undefined) throw new Problem(404, 'There is no such person')
        const { name, face } = person
        return { name, devices: rows.map((row) => Number(row.device_id)), ...(face && { oldFace: face }) }
      }),
    async faceSent(number, device) {
      const { rows } = await pool.query<{ face_sent: string | null }>(
        'select face_sent from person_devices where person_number = $1 and device_id = $2',
        [number, device],
      )
      return rows[0]?.face_sent ?? undefined
    },
    async noteFaceSent(number, device, face) {
      await pool.query(
        'update person_devices set face_sent = $3 where person_number = $1 and device_id = $2',
        [number, device, face ?? null],
      )
    },
  }
}

// --- internal ---

const upsert = `insert into people as known (number, name, type, valid_from, valid_to, doors, cards)
  values ($1, $2, $3, $4, $5, $6, $7)
  on conflict (number) do update set name = excluded.name, type = excluded.type, valid_from = excluded.valid_from,
    valid_to = excluded.valid_to, doors = excluded.doors, cards = excluded.cards, updated_at = now()
  returning xmax = 0 as is_new`

/** Each person with the newest job for each of their devices. */
const listing = `select number, name, type, valid_from as "validFrom", valid_to as "validTo", doors, cards,
    case when face is null then null else 'faces/' || face end as face, updated_at as "updatedAt",
    coalesce((select jsonb_agg(jsonb_build_object('device', device_id, 'state', coalesce(job.state, 'waiting'),
        'reason', job.reason, 'attempts', coalesce(job.attempts, 0)) order by device_id)
      from person_devices left join lateral (
        select state, reason, attempts from jobs
        where jobs.device_id = person_devices.device_id and jobs.person_number = people.number
        order by jobs.id desc limit 1) job on true
      where person_number = people.number), '[]') as devices
  from people order by name, number`
