import type { Readiness } from '../admin/source.ts'
import type { ConfigProblem } from '../config/loaded.ts'
import { formatProblem } from '../config/problem.ts'
import type { ClosedRoute } from './messages.ts'

export interface Condition {
  readonly phase: 'starting' | 'serving' | 'stopping'
  readonly workers: { readonly ready: number; readonly wanted: number }
  /** What is wrong with routes.yaml now, if it was not taken up. */
  readonly refused: readonly ConfigProblem[]
  readonly closedRoutes: readonly ClosedRoute[]
  /** Upstreams for whose services it waits. */
  readonly waiting: readonly string[]
  /** Sentences about what is wrong and keeps nobody from being served: certificates, Redis. */
  readonly troubles: readonly string[]
}

/**
 * Whether exchanges are served, and what is wrong. A mistake in routes.yaml is a reason and not an end: what ran
 * before still serves, and a load balancer that took all machines out for it would turn a typo into an outage.
 * A route that is closed because an extension did not load is an end: the machine that was just deployed with it
 * must not take the place of one that serves.
 */
export function readinessOf({
  phase,
  workers,
  refused,
  closedRoutes,
  waiting,
  troubles,
}: Condition): Readiness {
  const reasons: string[] = []
  if (phase !== 'serving') reasons.push(phase)
  else if (workers.ready === 0) reasons.push('no worker serves')
  else if (workers.ready < workers.wanted) reasons.push(`${workers.ready} of ${workers.wanted} workers serve`)
  const ready = phase === 'serving' && workers.ready > 0 && closedRoutes.length === 0
  const [first] = refused
  if (first) reasons.push(`routes.yaml was not taken up: ${formatProblem(first)}${more(refused.length - 1)}`)
  for (const { route, reason } of closedRoutes) reasons.push(`route ${route} is closed: ${reason}`)
  for (const upstream of waiting) reasons.push(`waiting for ${upstream}`)
  return { ready, reasons: [...reasons, ...troubles] }
}

function more(count: number): string {
  return count === 0 ? '' : ` (and ${count} more)`
}
