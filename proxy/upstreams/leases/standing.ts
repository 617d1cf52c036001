import type { Lease } from './leases.ts'
import type { Health, ToldTarget } from './news.ts'
import type { Place } from './place.ts'

/** A target as the register knows it. */
export interface Standing {
  readonly place: Place
  readonly url: string
  /** A fixed target has none. */
  lease: Lease | undefined
  /** A heartbeat is overdue. */
  overdue: boolean
  /** What the last check said, or nobody has asked. */
  answers: boolean
  /** Unix ms. */
  awayUntil: number
  since: number
  /** Why it is not well. */
  reason: string | undefined
  lastError: string | undefined
}

export function standingOf(target: (Place & { readonly url: string }) | Lease, since: number): Standing {
  const { upstream, key, id, url } = target
  return {
    place: key === undefined ? { upstream, id } : { upstream, key, id },
    url,
    lease: 'ttl' in target ? target : undefined,
    overdue: false,
    answers: true,
    awayUntil: 0,
    since,
    reason: undefined,
    lastError: undefined,
  }
}

export function healthOf({ answers, overdue }: Standing): Health {
  if (!answers) return 'failing'
  return overdue ? 'suspect' : 'well'
}

export function toldOf(standing: Standing): ToldTarget {
  const { place, url, lease, awayUntil, since } = standing
  return {
    ...place,
    url,
    leased: lease !== undefined,
    weight: lease?.weight ?? 1,
    draining: lease?.state === 'draining',
    headers: lease?.headers,
    health: healthOf(standing),
    awayUntil,
    since,
  }
}
