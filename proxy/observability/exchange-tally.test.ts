import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { sampleRecord } from '../../test/harness/sample-record.ts'
import { histogramSamples, sumUp } from './exchange-families.ts'
import type { ExchangeRecord } from './exchange-record.ts'
import { createExchangeTally } from './exchange-tally.ts'

function tallyOf(...changes: Partial<ExchangeRecord>[]) {
  const tally = createExchangeTally()
  for (const change of changes) tally.record(sampleRecord(change))
  return tally
}

suite('what a client sends never becomes a label', () => {
  const cases: [string, Partial<ExchangeRecord>, object][] = [
    ['an unknown method', { method: 'BREW' }, { method: 'EXTENSION_METHOD' }],
    ['a method in small letters', { method: 'get' }, { method: 'EXTENSION_METHOD' }],
    ['a method named as something of an object', { method: '__proto__' }, { method: 'EXTENSION_METHOD' }],
    [
      'an exchange that no route matched',
      { route: undefined, service: undefined },
      { router: '_other', service: '_none' },
    ],
    [
      'a route without a service',
      { route: 'site', service: undefined },
      { router: 'site', service: '_none' },
    ],
    ['a status of nobody', { status: 299 }, { code: 200 }],
    ['a status above all classes', { status: 999 }, { code: 500 }],
    ['a status that is none', { status: 12 }, { code: 0 }],
    ['a client that left before there was a status', { status: 0 }, { code: 0 }],
    ['an ordinary status', { status: 404 }, { code: 404 }],
  ]
  for (const [name, change, labels] of cases)
    test(name, () => {
      const [sum, ...others] = sumUp(tallyOf(change).cells(), 'router')
      assert.deepEqual(others, [])
      assert.partialDeepStrictEqual(sum?.labels, labels)
      assert.equal(sum?.counts.requests, 1)
    })
})

suite('a service is counted where the relay had its turn', () => {
  const cases: [string, Partial<ExchangeRecord>, number][] = [
    ['relayed', { attempts: 1 }, 1],
    ['refused by a policy', { attempts: 0, decision: 'deny', errorCode: 'address_denied', status: 403 }, 0],
    ['nobody there', { attempts: 0, decision: 'error', errorCode: 'upstream_away', status: 503 }, 1],
    ['answered by a policy', { attempts: 0, decision: 'allow', status: 204 }, 0],
    [
      'a body that became too large on the way',
      { attempts: 1, decision: 'deny', errorCode: 'body_too_large' },
      1,
    ],
    ['files', { attempts: 0, service: undefined }, 0],
  ]
  for (const [name, change, count] of cases)
    test(name, () => {
      const tally = tallyOf(change)
      assert.equal(sumUp(tally.cells(), 'service').length, count)
      assert.equal(sumUp(tally.cells(), 'entrypoint').length, 1)
    })
})

test('the three families are sums of the same exchanges', () => {
  const tally = tallyOf(
    { route: 'a', service: 'one', bytesReceived: 1, bytesSent: 100 },
    { route: 'b', service: 'one', bytesReceived: 2, bytesSent: 200 },
    { route: 'b', service: 'two', bytesReceived: 4, bytesSent: 400, listener: 'http' },
  )
  const read = (family: 'entrypoint' | 'router' | 'service', ...names: string[]) =>
    sumUp(tally.cells(), family).map(({ labels, counts }) => [
      ...names.map((name) => labels[name]),
      counts.requests,
      counts.received,
      counts.sent,
    ])
  assert.deepEqual(read('entrypoint', 'entrypoint'), [
    ['https', 2, 3, 300],
    ['http', 1, 4, 400],
  ])
  assert.deepEqual(read('router', 'router', 'service'), [
    ['a', 'one', 1, 1, 100],
    ['b', 'one', 1, 2, 200],
    ['b', 'two', 1, 4, 400],
  ])
  assert.deepEqual(read('service', 'service'), [
    ['one', 2, 3, 300],
    ['two', 1, 4, 400],
  ])
})

test('a duration that is a limit falls into the bucket of that limit, and buckets are cumulative', () => {
  const tally = tallyOf({ duration: 300 }, { duration: 301 }, { duration: 5 }, { duration: 99_000 })
  const samples = [...histogramSamples('x', sumUp(tally.cells(), 'entrypoint'))]
  const below = Object.fromEntries(samples.map(({ labels, value }) => [labels.le, value]))
  assert.equal(below['0.005'], 1)
  assert.equal(below['0.1'], 1)
  assert.equal(below['0.3'], 2)
  assert.equal(below['0.5'], 3)
  assert.equal(below['10'], 3)
  assert.equal(below['+Inf'], 4)
  assert.equal(samples.find(({ metricName }) => metricName === 'x_count')?.value, 4)
  assert.ok(Math.abs((samples.find(({ metricName }) => metricName === 'x_sum')?.value ?? 0) - 99.606) < 1e-9)
})

test('tunnels and event streams are counted, and stay out of the durations', () => {
  const tally = tallyOf(
    { kind: 'websocket', status: 101, duration: 3_600_000 },
    { kind: 'sse', duration: 60_000 },
  )
  const sums = sumUp(tally.cells(), 'entrypoint')
  assert.deepEqual(
    sums.map(({ labels, counts }) => [labels.protocol, counts.requests, counts.seconds]),
    [
      ['websocket', 1, 0],
      ['sse', 1, 0],
    ],
  )
  assert.deepEqual([...histogramSamples('x', sums)], [])
})

suite('after a reload', () => {
  const routersOf = (tally: ReturnType<typeof tallyOf>) =>
    sumUp(tally.cells(), 'router').map(({ labels, counts }) => [labels.router, counts.requests])
  const total = (tally: ReturnType<typeof tallyOf>) =>
    sumUp(tally.cells(), 'entrypoint').reduce((sum, { counts }) => sum + counts.requests, 0)

  test('the series of a route that is gone end, and the totals of the entrypoint stay', () => {
    const tally = tallyOf(
      { route: 'old' },
      { route: 'old' },
      { route: 'kept' },
      { route: undefined, service: undefined },
    )
    tally.forget(new Set(['kept']), new Set(['photos']))
    assert.deepEqual(routersOf(tally).sort(), [
      ['_other', 1],
      ['kept', 1],
    ])
    assert.equal(total(tally), 4)
    assert.equal(sumUp(tally.cells(), 'service')[0]?.counts.requests, 3, 'the service is still there')
  })

  test('an exchange that ends after its route has gone does not bring it back', () => {
    const tally = tallyOf({ route: 'old' })
    tally.forget(new Set(['kept']), new Set(['photos']))
    tally.record(sampleRecord({ route: 'old' }))
    assert.deepEqual(routersOf(tally), [])
    assert.equal(total(tally), 2)
  })

  test('a route that comes back is counted again', () => {
    const tally = tallyOf({ route: 'old' })
    tally.forget(new Set(), new Set(['photos']))
    tally.record(sampleRecord({ route: 'old' }))
    tally.forget(new Set(['old']), new Set(['photos']))
    tally.record(sampleRecord({ route: 'old' }))
    assert.deepEqual(routersOf(tally), [['old', 1]])
    assert.equal(total(tally), 3)
  })

  test('a service that is gone ends as well', () => {
    const tally = tallyOf({ service: 'gone' }, { service: 'kept' })
    tally.forget(new Set(['photos-api']), new Set(['kept']))
    assert.deepEqual(
      sumUp(tally.cells(), 'service').map(({ labels }) => labels.service),
      ['kept'],
    )
    assert.equal(total(tally), 2)
  })
})
