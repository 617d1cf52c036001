import type { Database } from '../../shared/database.ts'
import { byState, rarely } from '../../shared/metrics.ts'
import { jobs, oldestJob } from '../metrics.ts'
import type { Restoration } from '../restorations/table.ts'

/** Has the database counted when somebody reads the metrics. It keeps a day of pictures, so there are some thousands of rows. */
export function watchJobs({ pool }: Database): void {
  const count = rarely(async () => {
    const { rows } = await pool.query<{ state: Restoration['state']; n: number; waited: number | null }>(
      `select state, count(*)::int as n,
         extract(epoch from now() - min(queued_at) filter (where state = 'queued'))::float8 as waited
       from restorations group by state`,
    )
    return rows
  })
  jobs.read(async () =>
    byState(Object.fromEntries((await count()).map(({ state, n }) => [state, n])), states),
  )
  oldestJob.read(async () => (await count()).find(({ state }) => state === 'queued')?.waited ?? 0)
}

// --- internal ---

const states = ['queued', 'running', 'done', 'failed'] as const
