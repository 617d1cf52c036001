import { rarely } from '../shared/metrics.ts'
import type { Desktop, Desktops, Limits } from './desktops.ts'
import * as metrics from './metrics.ts'

export interface Watched {
  readonly desktops: Desktops
  readonly limits: Limits
  /** Names of all Docker hosts, and of those that did not answer at the last look. */
  readonly hosts: readonly string[]
  away(): ReadonlySet<string>
}

/** Reads the gauges when somebody asks, from the table that is looked at every few seconds anyway. */
export function watchFigures({ desktops, limits, hosts, away }: Watched): void {
  const all = rarely(() => desktops.all())
  metrics.desktops.read(async () => {
    const rows = await all()
    return [...hosts, 'none'].flatMap((host) =>
      states.map((state) => ({
        labels: { state, host },
        value: rows.filter((row) => row.status === state && (row.host ?? 'none') === host).length,
      })),
    )
  })
  metrics.placesFree.read(async () => {
    const wanted = (await all()).filter((row) => row.wanted === 'running').length
    return Math.max(0, limits.inAll - wanted)
  })
  metrics.hostUp.read(() => hosts.map((host) => ({ labels: { host }, value: away().has(host) ? 0 : 1 })))
}

// --- internal ---

const states: readonly Desktop['status'][] = ['starting', 'running', 'stopping', 'stopped', 'failed']
