import { createDashboard, type Dashboard } from '../admin/dashboard/dashboard.ts'
import { overviewOf } from '../admin/dashboard/overview.ts'
import type { AdminSource } from '../admin/source.ts'
import type { TargetReport } from '../admin/upstream-report.ts'
import type { LoadedConfig } from '../config/loaded.ts'
import { policyCounts } from '../observability/metrics.ts'
import type { ReloadHistory } from './reload-history.ts'
import type { Workers } from './workers.ts'

export interface DashboardParts {
  readonly source: AdminSource
  readonly workers: Workers
  reports(): Promise<readonly TargetReport[]>
  readonly reloads: ReloadHistory
  /** The configuration that is in force. */
  running(): LoadedConfig
}

/** The dashboard of the primary: what its parts know of themselves, put together when somebody looks. */
export function openDashboard({ source, workers, reports, reloads, running }: DashboardParts): Dashboard {
  return createDashboard({
    folder: running().folder,
    watch: (filters) => workers.watch(filters),
    config: running,
    async overview() {
      const [readiness, routes, targets, certificates, metrics, tunnels] = await Promise.all([
        source.readiness(),
        source.routes(),
        reports(),
        source.certificates(),
        workers.metrics(),
        workers.tunnels(),
      ])
      return overviewOf({
        version: source.version,
        file: running().file,
        readiness,
        processes: source.processes(),
        routes,
        targets,
        certificates,
        automatic: source.automatic(),
        policies: policyCounts(metrics),
        reloads: reloads.list(),
        tunnels,
      })
    },
  })
}
