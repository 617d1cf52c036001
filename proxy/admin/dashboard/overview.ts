import type { PolicyCount } from '../../observability/metrics.ts'
import { redactText, redactUrl } from '../../observability/redaction.ts'
import type { AutomaticStatus } from '../../tls/acme/automatic.ts'
import type { RouteSummary } from '../route-summary.ts'
import type { CertificateSummary, Processes, Readiness } from '../source.ts'
import type { TargetReport } from '../upstream-report.ts'
import type { ReloadReport } from './reload-report.ts'

/** All that does not change every second. */
export interface Overview {
  readonly version: string
  /** routes.yaml as it was named at the start. */
  readonly file: string
  readonly readiness: Readiness
  readonly processes: Processes
  readonly routes: readonly OverviewRoute[]
  readonly upstreams: readonly OverviewUpstream[]
  readonly certificates: readonly CertificateSummary[]
  readonly automatic: readonly AutomaticStatus[]
  readonly policies: readonly PolicyCount[]
  /** The newest first. */
  readonly reloads: readonly ReloadReport[]
  /** Open tunnels, by route. */
  readonly tunnels: Readonly<Record<string, number>>
}

export interface OverviewRoute {
  readonly name: string
  /** Its place: `routes.yaml:42`. */
  readonly rule: string
  /** Host and path as a person would type them: `photos.localhost/api`. */
  readonly addresses: readonly string[]
  readonly goesTo: string
  readonly upstream?: string
  /** Names of its policies, and which of them only observe. */
  readonly policies: readonly { readonly name: string; readonly observes: boolean }[]
  readonly available: boolean
}

export interface OverviewUpstream {
  readonly name: string
  /** How many of its targets are so. */
  readonly health: Readonly<Record<string, number>>
  /** Those that are not well before the others, and no more than can be looked at. */
  readonly targets: readonly OverviewTarget[]
}

export type OverviewTarget = Pick<TargetReport, 'key' | 'id' | 'health' | 'inFlight' | 'weight'> & {
  readonly url: string
  readonly reason?: string
  readonly lease?: { readonly ttlMs: number; readonly ageMs: number; readonly sinceHeartbeatMs?: number }
}

export interface OverviewParts
  extends Omit<Overview, 'routes' | 'upstreams' | 'certificates' | 'automatic' | 'policies' | 'reloads'> {
  readonly routes: readonly RouteSummary[]
  readonly targets: readonly TargetReport[]
  readonly certificates: readonly CertificateSummary[]
  readonly automatic: readonly AutomaticStatus[]
  readonly policies: readonly PolicyCount[]
  readonly reloads: readonly ReloadReport[]
}

/** Puts it together, and leaves out what may be a credential: options of policies, metadata and fields of leases. */
export function overviewOf({ routes, targets, readiness, automatic, ...rest }: OverviewParts): Overview {
  return {
    ...rest,
    readiness: { ...readiness, reasons: readiness.reasons.map(redactText) },
    automatic: automatic.map((each) => ({ ...each, reason: each.reason && redactText(each.reason) })),
    routes: routes.slice(0, mostRoutes).map(showRoute),
    upstreams: groupTargets(targets),
  }
}

// --- internal ---

const mostRoutes = 1_000
/** Of one upstream: a keyed one may have thousands. */
const mostTargets = 40

function showRoute(summary: RouteSummary): OverviewRoute {
  const { name, rule, hosts, paths, destination, policies, available } = summary
  const addresses = (hosts.length > 0 ? hosts : ['any host']).flatMap((host) =>
    paths.map((path) => `${host}${path === '/' ? '' : path}`),
  )
  return {
    name,
    rule,
    addresses: addresses.slice(0, 4),
    goesTo: showDestination(destination),
    upstream: destination.kind === 'upstream' ? destination.upstream : undefined,
    policies: policies.map((policy) => ({ name: policy.name, observes: policy.mode === 'observe' })),
    available,
  }
}

function showDestination(destination: RouteSummary['destination']): string {
  switch (destination.kind) {
    case 'upstream':
      return destination.upstream
    case 'files':
      return `files in ${destination.root}`
    case 'redirect':
      return `redirect to ${redactUrl(destination.location, false)}`
    case 'closed':
      return `closed: ${destination.reason}`
  }
}

function groupTargets(targets: readonly TargetReport[]): OverviewUpstream[] {
  const groups = Map.groupBy(targets, ({ upstream }) => upstream)
  return Array.from(groups, ([name, all]) => {
    const health: Record<string, number> = {}
    for (const target of all) health[target.health] = (health[target.health] ?? 0) + 1
    const worstFirst = all.toSorted((a, b) => Number(a.health === 'well') - Number(b.health === 'well'))
    return { name, health, targets: worstFirst.slice(0, mostTargets).map(showTarget) }
  })
}

function showTarget(target: TargetReport): OverviewTarget {
  const { key, id, url, health, inFlight, weight, lease } = target
  const reason = target.reason ?? target.lastError
  return {
    key,
    id,
    url,
    health,
    inFlight,
    weight,
    reason: reason && redactText(reason),
    lease: lease && {
      ttlMs: lease.ttlMs,
      ageMs: lease.ageMs,
      sinceHeartbeatMs: lease.sinceHeartbeatMs,
    },
  }
}
