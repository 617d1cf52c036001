import type { RecentDecision } from '../observability/recent-decisions.ts'
import type { AutomaticStatus } from '../tls/acme/automatic.ts'
import type { Followers } from './followers.ts'
import type { Registration } from './registration.ts'
import type { RouteSummary } from './route-summary.ts'
import type { TargetReport } from './upstream-report.ts'

/** What the admin listener needs from the running proxy. All of it is asked for when somebody looks. */
export interface AdminSource {
  readonly version: string
  /** The text for Prometheus, of all processes. */
  metrics(): Promise<string>
  /** Whether exchanges are served. `reasons`: sentences that say why not, or what is wrong all the same. */
  readiness(): Readiness | Promise<Readiness>
  routes(): readonly RouteSummary[] | Promise<readonly RouteSummary[]>
  upstreams(): readonly TargetReport[] | Promise<readonly TargetReport[]>
  /** Open tunnels, by route. */
  tunnels(): Promise<Readonly<Record<string, number>>>
  /** What was decided a while ago about one client, or about all: the newest first. */
  decisions(client: string | undefined, most: number): Promise<readonly RecentDecision[]>
  /** Where services announce themselves. */
  readonly registration?: Registration
  /** Who hears of targets as they change. */
  readonly followers?: Followers
  /** The primary and its workers. */
  processes(): Processes
  certificates(): readonly CertificateSummary[] | Promise<readonly CertificateSummary[]>
  /** How it is with certificates that are got by themselves. */
  automatic(): readonly AutomaticStatus[]
}

export interface Processes {
  /** Of the primary, which takes the signals. */
  readonly pid: number
  readonly version: string
  /** The last change of workers that somebody asked for. */
  readonly change: WorkerChange | undefined
  readonly workers: readonly {
    readonly pid: number | undefined
    readonly state: string
    /** Unix ms. */
    readonly startedAt: number
    /** Bytes. */
    readonly memory: number
  }[]
}

export interface WorkerChange {
  readonly kind: 'replace' | 'resize'
  /** Unix ms. */
  readonly begunAt: number
  readonly endedAt?: number
  readonly outcome?: 'replaced' | 'failed'
  readonly reason?: string
}

export interface Readiness {
  ready: boolean
  reasons: readonly string[]
}

export interface CertificateSummary {
  cn: string
  sans: readonly string[]
  serial: string
  /** Unix time in milliseconds. */
  notAfter: number
}
