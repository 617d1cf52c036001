import { redactUrl } from '../observability/redaction.ts'
import type { Health } from '../upstreams/leases/news.ts'
import { nameOf } from '../upstreams/leases/place.ts'
import { healthOf, type Standing } from '../upstreams/leases/standing.ts'

/** A target as the admin listener and `gatehouse upstreams` show it. */
export interface TargetReport {
  upstream: string
  key?: string
  /** Of a lease: what the service calls itself. */
  id?: string
  url: string
  /** `away`: it refused a connection a moment ago. */
  health: Health | 'draining' | 'away'
  /** Why it is not well. */
  reason?: string
  inFlight: number
  lastError?: string
  weight: number
  /** Times in milliseconds. */
  lease?: {
    ttlMs: number
    ageMs: number
    /** Of one that speaks to another proxy: unknown here. */
    sinceHeartbeatMs?: number
    /** The proxy that it speaks to, if it is another. */
    via?: string
    metadata: object
    /** Names of the fields that it is sent. Their values are credentials. */
    headers?: string[]
  }
}

/** What one worker has under way with a target, and the last that went wrong. */
export interface TargetUse {
  readonly name: string
  readonly inFlight: number
  readonly lastError?: string
}

/** What the register knows of each target, and what all workers together have to do with it. */
export function reportTargets(
  standings: Iterable<Standing>,
  uses: readonly TargetUse[],
  now = Date.now(),
): TargetReport[] {
  const used = new Map<string, { inFlight: number; lastError?: string }>()
  for (const { name, inFlight, lastError } of uses) {
    const before = used.get(name)
    used.set(name, {
      inFlight: inFlight + (before?.inFlight ?? 0),
      lastError: lastError ?? before?.lastError,
    })
  }
  return Array.from(standings, (standing) => {
    const { place, url, lease } = standing
    const use = used.get(nameOf(place))
    return {
      upstream: place.upstream,
      key: place.key,
      id: lease && place.id,
      url: redactUrl(url),
      health: stateOf(standing, now),
      reason: standing.reason,
      inFlight: use?.inFlight ?? 0,
      lastError: standing.lastError ?? use?.lastError,
      weight: lease?.weight ?? 1,
      lease: lease && {
        ttlMs: lease.ttl,
        ageMs: now - lease.announcedAt,
        sinceHeartbeatMs: lease.via === undefined ? now - lease.renewedAt : undefined,
        via: lease.via,
        metadata: lease.metadata,
        // Their values are credentials.
        headers: Object.keys(lease.headers ?? {}),
      },
    }
  })
}

function stateOf(standing: Standing, now: number): TargetReport['health'] {
  if (standing.lease?.state === 'draining') return 'draining'
  const health = healthOf(standing)
  return health === 'well' && standing.awayUntil > now ? 'away' : health
}
