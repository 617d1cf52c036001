import assert from 'node:assert/strict'
import { test } from 'node:test'
import { bucketLimits } from '../../observability/exchange-tally.ts'
import { emptyTotals, quantile, type RouteTotals } from '../../observability/route-totals.ts'
import { createMeter } from './meter.ts'

test('rates are what all workers counted between two readings', () => {
  const meter = createMeter()
  meter.measure([of(1, totals('shop', 100)), of(2, totals('shop', 50))], 0)
  const { total, routes, span } = meter.measure(
    [of(1, totals('shop', 120, 4)), of(2, totals('shop', 60))],
    2_000,
  )
  assert.equal(span, 2_000)
  assert.deepEqual([total.perSecond, total.failed, total.refused], [17, 2, 0])
  assert.deepEqual(
    routes.map(({ route, since, perSecond }) => [route, since, perSecond]),
    [['shop', 184, 17]],
  )
})

test('the first reading, a worker that joins and one that ends make no jump', () => {
  const meter = createMeter()
  assert.equal(meter.measure([of(1, totals('shop', 1_000_000))], 0).total.perSecond, 0)
  const joined = meter.measure([of(1, totals('shop', 1_000_010)), of(2, totals('shop', 5_000))], 1_000)
  assert.equal(joined.total.perSecond, 10)
  const ended = meter.measure([of(2, totals('shop', 5_007))], 2_000)
  assert.equal(ended.total.perSecond, 7)
  // A route that a reload took away and another brought back counts from nothing.
  assert.equal(meter.measure([of(2, totals('shop', 3))], 3_000).total.perSecond, 3)
})

test('a route is told over a quarter of a minute, and is quiet after it', () => {
  const meter = createMeter()
  meter.measure([of(1, totals('shop', 0))], 0)
  const rates = Array.from({ length: 20 }, (_, second) => {
    const { routes } = meter.measure([of(1, totals('shop', 30))], (second + 1) * 1_000)
    return routes[0]?.perSecond
  })
  assert.equal(rates[0], 30)
  assert.equal(rates[9], 3)
  assert.equal(rates.at(-1), 0)
})

test('the history has a point for each ten seconds, however often it is asked, and half an hour of them', () => {
  const meter = createMeter()
  for (let second = 0; second <= 40; second++)
    meter.measure([of(1, totals('shop', second * 5))], second * 1_000)
  assert.deepEqual(
    meter.history().map(({ at, perSecond }) => [at, perSecond]),
    [
      [10_000, 5],
      [20_000, 5],
      [30_000, 5],
      [40_000, 5],
    ],
  )
  for (let beat = 5; beat < 400; beat++) meter.measure([of(1, totals('shop', 200))], beat * 10_000)
  assert.equal(meter.history().length, 180)
})

test('durations are read off the buckets, as near as those are', () => {
  const buckets = emptyTotals('').buckets
  assert.equal(quantile(buckets, 0.5), undefined)
  buckets[bucketLimits.indexOf(0.001)] = 98
  buckets[bucketLimits.indexOf(0.3)] = 2
  const median = quantile(buckets, 0.5) ?? 0
  assert.ok(median > 0.5 && median <= 1, `${median} ms`)
  const slowest = quantile(buckets, 0.99) ?? 0
  assert.ok(slowest > 200 && slowest <= 300, `${slowest} ms`)
  buckets[bucketLimits.length] = 1_000
  assert.equal(quantile(buckets, 0.99), 10_000)
})

function totals(route: string, well: number, failed = 0): RouteTotals {
  return { ...emptyTotals(route), byClass: [0, 0, well, 0, 0, failed] }
}

function of(pid: number, ...routes: RouteTotals[]) {
  return { pid, routes }
}
