import type { Pool } from 'pg'
import { gauge, rarely, upGauge } from './metrics.ts'

const up = upGauge('database_up', 'Whether the database answers within a second: 1, or 0.')
const connections = gauge(
  'database_connections',
  'Connections to the database. `state`: in_use, idle, or free, which may still be opened.',
  ['state'],
)
const waiting = gauge('database_waiting', 'Queries that wait for a connection.')

/** The database of this process, of which there is one. Most of it the pool knows; it is asked only whether it answers. */
export function watchDatabase(pool: Pool): void {
  up.read(rarely(() => pool.query('select 1')))
  connections.read(() => [
    { labels: { state: 'in_use' }, value: pool.totalCount - pool.idleCount },
    { labels: { state: 'idle' }, value: pool.idleCount },
    { labels: { state: 'free' }, value: pool.options.max - pool.totalCount },
  ])
  waiting.read(() => pool.waitingCount)
}
