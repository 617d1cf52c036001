import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { sampleRecord } from '../../test/harness/sample-record.ts'
import { createRecentDecisions } from './recent-decisions.ts'

test('the last decisions about a client are kept, the newest first, without query and credentials', () => {
  const recent = createRecentDecisions()
  recent.note(sampleRecord({ uri: '/a?token=secret', clientAddress: '10.0.0.1' }))
  recent.note(
    sampleRecord({
      uri: '/close',
      clientAddress: '10.0.0.1',
      status: 403,
      decision: 'deny',
      errorCode: 'address_denied',
      denyPolicy: 'allow',
      denyReason: 'Bearer abcdefghijklmnop is no address',
      observed: [{ policy: 'own', reason: 'Bearer abcdefghijklmnop is unknown' }],
    }),
  )
  const [last, before] = recent.about('10.0.0.1')
  assert.equal(last?.status, 403)
  assert.equal(last?.policy, 'allow')
  assert.equal(last?.reason, 'Bearer REDACTED is no address')
  assert.equal(last?.observed?.[0]?.reason, 'Bearer REDACTED is unknown')
  assert.equal(before?.request?.path, '/a')
  assert.deepEqual(recent.about('10.0.0.2'), [])
})

test('what is decided again and again is one entry with its count', () => {
  const recent = createRecentDecisions()
  for (let i = 0; i < 100; i++) recent.note(sampleRecord({ clientAddress: '10.0.0.1', startedAt: i }))
  const [only, ...others] = recent.about('10.0.0.1')
  assert.deepEqual([only?.times, only?.at, others], [100, 99, []])
})

test('of one client at most eight are kept', () => {
  const recent = createRecentDecisions()
  for (let i = 0; i < 20; i++) recent.note(sampleRecord({ clientAddress: '10.0.0.1', uri: `/${i}` }))
  assert.deepEqual(
    recent.about('10.0.0.1').map(({ request }) => request?.path),
    ['/19', '/18', '/17', '/16', '/15', '/14', '/13', '/12'],
  )
})

test('addresses that are made up do not push out who comes regularly, and memory stays bounded', () => {
  const recent = createRecentDecisions(100)
  for (let i = 0; i < 5_000; i++) {
    recent.note(sampleRecord({ clientAddress: `2001:db8::${i.toString(16)}` }))
    if (i % 50 === 0) recent.note(sampleRecord({ clientAddress: '10.0.0.1', startedAt: i }))
  }
  assert.equal(recent.about('10.0.0.1')[0]?.times, 100)
  assert.ok(recent.latest(10_000).length <= 201)
})

/**
 * The attack: from each address of one /64, eight requests with a Host, a path or an Origin as long as a head may be. The
 * path was cut and the rest kept whole; and what was cut kept what it was cut out of. A worker came to hold 900 MB.
 */
test('a client with a network of addresses and long texts does not fill the memory', () => {
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as () => void
  const long = (start: string): string => Buffer.from(start.padEnd(14_000, 'x')).toString()
  const recent = createRecentDecisions(100)
  collect()
  const before = process.memoryUsage().heapUsed
  for (let i = 0; i < 1_600; i++) {
    const uri = long(`/a-path-that-is-short-${i}?`)
    recent.note(
      sampleRecord({
        clientAddress: `2001:db8::${Math.floor(i / 8).toString(16)}`,
        method: long('A'),
        host: long(`${i}.`),
        uri,
        denyReason: `there is nothing at ${uri.slice(0, uri.indexOf('?'))}`,
        observed: [{ policy: 'cors', reason: `from the foreign origin ${long('https://')}` }],
      }),
    )
  }
  collect()
  const held = process.memoryUsage().heapUsed - before
  assert.ok(held < 10e6, `${Math.round(held / 1e6)} MB are held`)
  const [last] = recent.latest(1)
  for (const text of [last?.request?.host, last?.request?.method, last?.observed?.[0]?.reason])
    assert.equal(text?.length, 300)
})

test('bytes that were no request are told as well', () => {
  const recent = createRecentDecisions()
  recent.noteClientError('https', 'ERR_SSL_HTTP_REQUEST', '10.0.0.1')
  const [only] = recent.about('10.0.0.1')
  assert.equal(only?.request, undefined)
  assert.equal(only?.error, 'ERR_SSL_HTTP_REQUEST')
  assert.equal(only?.decision, 'error')
})
