import { z } from 'zod'
import type { Database } from '../../shared/database.ts'
import { Problem } from '../../shared/problem.ts'
import type { DeviceInfo } from '../isapi/device-info.ts'
import type { Login } from '../isapi/digest.ts'
import type { Seal } from './seal.ts'

export type DeviceState = 'unknown' | 'ok' | 'away' | 'refused'

/** How a device is reached. */
export interface Reach {
  readonly id: number
  readonly base: string
  readonly login: Login
  readonly agent: number | undefined
}

/** What a person says of a device. A password that is left out stays as it is. */
export const deviceInput = z.object({
  name: z.string().trim().max(120).default(''),
  base: z
    .url({ protocol: /^https?$/, error: 'is not an address such as http://192.168.1.64' })
    .transform((url) => new URL(url).origin)
    .nullable()
    .default(null),
  // It stands in a field of each request, which holds no others.
  login: z
    .string()
    .max(64)
    .regex(/^[\x20-\x7e]*$/, 'holds letters that no device takes')
    .default('admin'),
  password: z.string().max(128).optional(),
  agent: z.number().int().nullable().default(null),
})

export type DeviceInput = z.infer<typeof deviceInput>

export interface Devices {
  list(): Promise<Record<string, unknown>[]>
  add(input: DeviceInput): Promise<number>
  change(id: number, input: DeviceInput): Promise<void>
  remove(id: number): Promise<void>
  /** Undefined if nobody said how it is reached. */
  reach(id: number): Promise<Reach | undefined>
  /** Of an agent, or all that are reached without one. */
  behind(agent: number | undefined): Promise<number[]>
  noteState(id: number, state: DeviceState, reason?: string): Promise<void>
  /** Takes up what the device said of itself. What it sent before, as a device nobody had added, becomes its own. */
  noteInfo(id: number, info: DeviceInfo): Promise<void>
}

export function openDevices(database: Database, seal: Seal): Devices {
  const { pool } = database

  async function agentExists(agent: number | null): Promise<void> {
    if (agent === null) return
    const { rowCount } = await pool.query('select 1 from agents where id = $1', [agent])
    if (rowCount === 0) throw new Problem(400, 'There is no such agent')
  }

  return {
    async list() {
      const { rows } = await pool.query(listing)
      return rows.map(({ id, agent_id, waiting, failed, drift, ...rest }) => ({
        id: Number(id),
        agent: agent_id === null ? null : Number(agent_id),
        jobs: { waiting: Number(waiting), failed: Number(failed) },
        drift: drift === null ? null : Number(drift),
        ...rest,
      }))
    },
    async add(input) {
      await agentExists(input.agent)
      const { rows } = await pool.query<{ id: string }>(
        'insert into devices (name, base, login, password, agent_id) values ($1, $2, $3, $4, $5) returning id',
        [input.name, input.base, input.login, input.password && seal.close(input.password), input.agent],
      )
      return Number(rows[0]?.id)
    },
    async change(id, { name, base, login, password, agent }) {
      await agentExists(agent)
      const { rowCount } = await pool.query(
        `update devices set name = $2, base = $3, login = $4, agent_id = $5, password = coalesce($6, password),
           state = 'unknown', state_reason = null where id = $1`,
        [id, name, base, login, agent, password === undefined ? null : seal.close(password)],
      )
      if (rowCount === 0) throw new Problem(404, 'There is no such device')
    },
    async remove(id) {
      const { rowCount } = await pool.query('delete from devices where id = $1', [id])
      if (rowCount === 0) throw new Problem(404, 'There is no such device')
    },
    async reach(id) {
      const { rows } = await pool.query<{
        base: string | null
        login: string | null
        password: Buffer | null
        agent_id: string | null
      }>('select base, login, password, agent_id from devices where id = $1', [id])
      const [found] = rows
      if (found == null || found.base === null) return undefined
      return {
        id,
        base: found.base,
        login: {
          user: found.login ?? 'admin',
          password: found.password === null ? '' : seal.open(found.password),
        },
        agent: found.agent_id === null ? undefined : Number(found.agent_id),
      }
    },
    async behind(agent) {
      const { rows } = await pool.query<{ id: string }>(
        'select id from devices where base is not null and agent_id is not distinct from $1',
        [agent ?? null],
      )
      return rows.map(({ id }) => Number(id))
    },
    async noteState(id, state, reason) {
      await pool.query('update devices set state = $2, state_reason = $3, state_at = now() where id = $1', [
        id,
        state,
        reason?.slice(0, 500) ?? null,
      ])
    },
    noteInfo: (id, info) =>
      database.inTransaction(async (client) => {
        const key =
          info.mac !== undefined ? `mac:${info.mac}` : info.serial ? `serial:${info.serial}` : undefined
        const { rows } = await client.query<{ id: string }>(
          'select id from devices where key = $1 and id <> $2 for update',
          [key, id],
        )
        const other = rows[0]?.id
        if (other !== undefined) {
          await client.query(absorb, [id, other])
          await client.query('update events set device_id = $1 where device_id = $2', [id, other])
          await client.query('delete from devices where id = $1', [other])
        }
        await client.query(
          `update devices set key = coalesce($2, key), mac = coalesce($3, mac), serial = coalesce(nullif($4, ''), serial),
             model = nullif($5, ''), firmware = nullif($6, ''), name = case when name = '' then $7 else name end
           where id = $1`,
          [id, key ?? null, info.mac ?? null, info.serial, info.model, info.firmware, info.name],
        )
      }),
  }
}

// --- internal ---

const listing = `select id, key, name, mac, serial, model, firmware, sends_from as "sendsFrom",
  says_address as "saysAddress", first_seen as "firstSeen", last_seen as "lastSeen", last_event as "lastEvent",
  drift_ms as drift, zone, base, login, password is not null as "hasPassword", agent_id, state,
  state_reason as "stateReason", state_at as "stateAt",
  (select count(*) from jobs where device_id = devices.id and jobs.state in ('waiting', 'running')) as waiting,
  (select count(*) from jobs where device_id = devices.id and jobs.state = 'failed'
    and not exists (select 1 from jobs later where later.device_id = jobs.device_id
      and later.person_number = jobs.person_number and later.id > jobs.id)) as failed
  from devices order by coalesce(nullif(name, ''), key, base), id`

/** The device that was added by hand takes what the one knew that had only been heard of. */
const absorb = `update devices set
    (key, sends_from, says_address, first_seen, last_seen, last_event, drift_ms, zone) =
    (select null, sends_from, says_address, first_seen, last_seen, last_event, drift_ms, zone from devices o where o.id = $2)
  where id = $1`
