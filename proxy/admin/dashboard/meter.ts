import {
  addTotals,
  countOf,
  emptyTotals,
  quantile,
  type RouteTotals,
  sinceTotals,
} from '../../observability/route-totals.ts'

/** What one worker has counted since it started. */
export interface WorkerTotals {
  readonly pid: number | undefined
  readonly routes: readonly RouteTotals[]
}

/** Of a while: per second, and durations in milliseconds. */
export interface Rate {
  readonly perSecond: number
  /** Answers of the classes 4xx and 5xx, per second; `gone`: the client had left before there was one. */
  readonly refused: number
  readonly failed: number
  readonly gone: number
  /** Bytes of response bodies per second. */
  readonly sent: number
  /** Undefined where no request ended. */
  readonly p50?: number
  readonly p99?: number
}

export interface RouteRate extends Rate {
  readonly route: string
  /** Exchanges since the start of the workers that live. */
  readonly since: number
}

/** One moment. `total` is of the time since the last one, routes are of the last quarter of a minute. */
export interface Figures {
  /** Unix ms. */
  readonly at: number
  /** Of `total`, in ms; 0 when there was no reading before. */
  readonly span: number
  readonly total: Rate
  readonly routes: readonly RouteRate[]
}

export type Point = Rate & { readonly at: number }

/** Makes rates of counts that only grow. */
export interface Meter {
  measure(workers: readonly WorkerTotals[], now?: number): Figures
  /** The last half hour, a point for each ten seconds. */
  history(): readonly Point[]
}

/** Milliseconds: over which a route's figures are taken, between two points of the history, and its length. */
const window = 15_000
const pointEvery = 10_000
const mostPoints = 180

export function createMeter(): Meter {
  let before = new Map<number, Map<string, RouteTotals>>()
  let measuredAt: number | undefined
  let spans: Span[] = []
  let sincePoint: Span[] = []
  const points: Point[] = []

  function keepPoint(now: number): void {
    const milliseconds = sum(sincePoint, ({ milliseconds }) => milliseconds)
    if (milliseconds < pointEvery - 500) return
    points.push({ at: now, ...rateOf(totalOf(sincePoint), milliseconds) })
    if (points.length > mostPoints) points.shift()
    sincePoint = []
  }

  return {
    measure(workers, now = Date.now()) {
      const span: Span = { at: now, milliseconds: now - (measuredAt ?? now), routes: new Map() }
      const next = new Map<number, Map<string, RouteTotals>>()
      for (const { pid = 0, routes } of workers) {
        const known = before.get(pid)
        next.set(pid, new Map(routes.map((totals) => [totals.route, totals])))
        // A worker that is met for the first time may have counted for hours.
        if (known === undefined) continue
        for (const totals of routes) {
          const since = span.routes.get(totals.route) ?? emptyTotals(totals.route)
          addTotals(since, sinceTotals(known.get(totals.route), totals))
          span.routes.set(totals.route, since)
        }
      }
      before = next
      measuredAt = now
      if (span.milliseconds > 0) {
        spans = [...spans.filter(({ at }) => at > now - window), span]
        sincePoint.push(span)
        keepPoint(now)
      }
      return {
        at: now,
        span: span.milliseconds,
        total: rateOf(totalOf([span]), span.milliseconds),
        routes: ratesOf(spans, [...next.values()]),
      }
    },
    history: () => points,
  }
}

// --- internal ---

interface Span {
  readonly at: number
  readonly milliseconds: number
  readonly routes: Map<string, RouteTotals>
}

function totalOf(spans: readonly Span[]): RouteTotals {
  const total = emptyTotals('')
  for (const { routes } of spans) for (const totals of routes.values()) addTotals(total, totals)
  return total
}

function ratesOf(spans: readonly Span[], workers: readonly Map<string, RouteTotals>[]): RouteRate[] {
  const milliseconds = sum(spans, (span) => span.milliseconds)
  const names = new Set(workers.flatMap((routes) => [...routes.keys()]))
  return Array.from(names, (route) => {
    const totals = emptyTotals(route)
    for (const { routes } of spans) {
      const since = routes.get(route)
      if (since) addTotals(totals, since)
    }
    const since = sum(workers, (routes) => {
      const counted = routes.get(route)
      return counted === undefined ? 0 : countOf(counted)
    })
    return { route, since, ...rateOf(totals, milliseconds) }
  })
}

function rateOf(totals: RouteTotals, milliseconds: number): Rate {
  const per = (count: number): number => (milliseconds > 0 ? rounded((count * 1000) / milliseconds) : 0)
  const [gone = 0, , , , refused = 0, failed = 0] = totals.byClass
  return {
    perSecond: per(countOf(totals)),
    refused: per(refused),
    failed: per(failed),
    gone: per(gone),
    sent: per(totals.sent),
    p50: roundedTime(quantile(totals.buckets, 0.5)),
    p99: roundedTime(quantile(totals.buckets, 0.99)),
  }
}

function rounded(value: number): number {
  return Math.round(value * 100) / 100
}

function roundedTime(value: number | undefined): number | undefined {
  return value === undefined ? undefined : rounded(value)
}

function sum<T>(items: readonly T[], amount: (item: T) => number): number {
  return items.reduce((all, item) => all + amount(item), 0)
}
