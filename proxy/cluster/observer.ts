import type { AccessLogs } from '../observability/access-log.ts'
import type { Counter } from '../observability/counters.ts'
import type { ExchangeRecord } from '../observability/exchange-record.ts'
import {
  passesOf,
  recordDecision,
  recordExchange,
  recordOverload,
  recordRetry,
} from '../observability/metrics.ts'
import type { TraceLog } from '../observability/tracing/trace-log.ts'
import type { Route } from '../request/match/route.ts'
import type { PipelineObserver } from '../request/pipeline.ts'
import type { Decision } from '../request/policies/ask.ts'

/** Where exchanges are written down. A reload may open others. */
export interface Logs {
  readonly accessLogs: AccessLogs
  /** Undefined: spans go nowhere. */
  readonly traceLog: TraceLog | undefined
}

/**
 * What happens to exchanges, told to the metrics, to those who take note of them, and to the logs that are open at the
 * time.
 */
export function observeExchanges(
  logs: () => Logs,
  recent: NoteTaker,
  followed?: NoteTaker,
): PipelineObserver {
  return {
    started() {},
    finished(exchange) {
      recordExchange(exchange)
      if (exchange.outgrew !== undefined && exchange.matched !== undefined)
        recordDecision(exchange.matched.name, exchange.outgrew, 'observe', 'body_too_large')
      recent.note(exchange)
      followed?.note(exchange)
      if (exchange.overload !== undefined) recordOverload(exchange.overload)
      const { accessLogs, traceLog } = logs()
      accessLogs.write(exchange, exchange.matched?.config.accessLog)
      traceLog?.write(exchange)
    },
    decided: recordDecisions,
    retried: recordRetry,
  }
}

interface NoteTaker {
  note(record: ExchangeRecord): void
}

/** One count per policy that was asked: those before the last word have passed it, but for the observing. */
function recordDecisions(_exchange: unknown, route: Route, decision: Decision): void {
  const { outcome, observed } = decision
  if (outcome === 'pass' && observed.length === 0) return recordPass(route)
  for (const { policy, code } of observed) recordDecision(route.name, policy, 'observe', code)
  const last = outcome === 'pass' ? undefined : decision.policy
  for (const { name } of route.policies) {
    if (name === last) break
    if (!observed.some(({ policy }) => policy === name)) recordDecision(route.name, name, 'allow', 'pass')
  }
  if (outcome === 'deny') recordDecision(route.name, decision.policy, 'deny', decision.code)
  if (outcome === 'answer') recordDecision(route.name, decision.policy, 'allow', 'answer')
}

/** Their counters, found once for each route of a table. */
const passed = new WeakMap<Route, readonly Counter[]>()

function recordPass(route: Route): void {
  let counters = passed.get(route)
  if (counters === undefined) {
    counters = route.policies.map(({ name }) => passesOf(route.name, name))
    passed.set(route, counters)
  }
  for (const counter of counters) counter.count++
}
