import { bucketLimits, type Cell } from './exchange-tally.ts'

/** What one process has counted of one route since it started. Plain data: it is sent to another process. */
export interface RouteTotals {
  readonly route: string
  /** Exchanges that have ended, by the first digit of their status; 0: the client had gone before there was one. */
  readonly byClass: number[]
  /** Bytes of request and response bodies. */
  received: number
  sent: number
  /** Requests by duration, by `bucketLimits`, not cumulative. No tunnels and no event streams. */
  readonly buckets: number[]
}

/** What belongs to no route that there is: nothing matched, or the route has gone. */
const elsewhere = '_other'

export function totalsByRoute(cells: Iterable<Cell>): RouteTotals[] {
  const all = new Map<string, RouteTotals>()
  for (const cell of cells) {
    const route = cell.route ?? elsewhere
    const totals = all.get(route) ?? emptyTotals(route)
    all.set(route, totals)
    const digit = Math.floor(cell.code / 100)
    totals.byClass[digit] = (totals.byClass[digit] ?? 0) + cell.requests
    totals.received += cell.received
    totals.sent += cell.sent
    addTo(totals.buckets, cell.buckets)
  }
  return [...all.values()]
}

export function emptyTotals(route: string): RouteTotals {
  return {
    route,
    byClass: [0, 0, 0, 0, 0, 0],
    received: 0,
    sent: 0,
    buckets: new Array(bucketLimits.length + 1).fill(0),
  }
}

export function addTotals(to: RouteTotals, more: RouteTotals): void {
  addTo(to.byClass, more.byClass)
  to.received += more.received
  to.sent += more.sent
  addTo(to.buckets, more.buckets)
}

/** What was counted between two readings of one process. A route that came back after it had gone began anew. */
export function sinceTotals(before: RouteTotals | undefined, now: RouteTotals): RouteTotals {
  if (before === undefined || countOf(before) > countOf(now)) return now
  const less = (from: readonly number[], by: readonly number[]): number[] =>
    from.map((value, i) => Math.max(0, value - (by[i] ?? 0)))
  return {
    route: now.route,
    byClass: less(now.byClass, before.byClass),
    received: Math.max(0, now.received - before.received),
    sent: Math.max(0, now.sent - before.sent),
    buckets: less(now.buckets, before.buckets),
  }
}

export function countOf({ byClass }: RouteTotals): number {
  return byClass.reduce((sum, count) => sum + count, 0)
}

/**
 * The duration, in milliseconds, that such a share of requests did not exceed; within a bucket they are taken to lie
 * evenly, as Prometheus does. Undefined where there were none.
 */
export function quantile(buckets: readonly number[], share: number): number | undefined {
  const all = buckets.reduce((sum, count) => sum + count, 0)
  if (all === 0) return undefined
  let left = share * all
  for (const [i, count] of buckets.entries()) {
    const low = i === 0 ? 0 : (bucketLimits[i - 1] as number)
    // What is longer than every limit is told as the last.
    const high = bucketLimits[i] ?? low
    if (left <= count) return 1000 * (low + (high - low) * (left / count))
    left -= count
  }
  return 1000 * (bucketLimits[bucketLimits.length - 1] as number)
}

function addTo(sums: number[], more: readonly number[]): void {
  for (let i = 0; i < more.length; i++) sums[i] = (sums[i] ?? 0) + (more[i] as number)
}
