import type { Database } from '../shared/database.ts'
import { byState, rarely } from '../shared/metrics.ts'
import type { Switchboard } from './agent/switchboard.ts'
import type { Spool } from './intake/spool.ts'
import * as metrics from './metrics.ts'

export interface Watched {
  readonly database: Database
  readonly spool: Spool
  /** Bytes: SPOOL_LIMIT. */
  readonly limit: number
  readonly switchboard: Switchboard
}

/** Reads the gauges when somebody asks: the spool knows its own, the rest is one question to the database. */
export function watchFigures({ database, spool, limit, switchboard }: Watched): void {
  metrics.spoolEvents.read(() => spool.usage.events)
  metrics.spoolBytes.read(() => spool.usage.bytes)
  metrics.spoolLimit.read(() => limit)
  metrics.spoolAge.read(() => {
    const { oldest } = spool.usage
    return oldest === undefined ? 0 : Math.max(0, Date.now() - oldest) / 1000
  })

  const count = rarely(async () => {
    const { rows } = await database.pool.query<Counts>(question)
    return rows[0] as Counts
  })
  metrics.devices.read(async () => byState((await count()).devices, ['ok', 'away', 'refused', 'unknown']))
  metrics.devicesHeard.read(async () => (await count()).heard)
  metrics.jobs.read(async () => byState((await count()).jobs, ['waiting', 'running', 'failed']))
  metrics.agents.read(async () => {
    const { connected } = switchboard
    const away = Math.max(0, (await count()).agents - connected)
    return byState({ connected, away }, ['connected', 'away'])
  })
}

// --- internal ---

interface Counts {
  readonly devices: Readonly<Record<string, number>> | null
  readonly jobs: Readonly<Record<string, number>> | null
  readonly heard: number
  readonly agents: number
}

const question = `select
  (select json_object_agg(state, n) from
    (select state, count(*) as n from devices where base is not null group by state) by_state) as devices,
  (select json_object_agg(state, n) from
    (select 'waiting' as state, count(*) as n from jobs where state = 'waiting'
     union all select 'running', count(*) from jobs where state = 'running'
     union all select 'failed', count(*) from jobs where state = 'failed') by_state) as jobs,
  (select count(*)::int from devices where last_seen > now() - interval '10 minutes') as heard,
  (select count(*)::int from agents) as agents`
