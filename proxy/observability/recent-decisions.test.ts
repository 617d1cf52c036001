import assert from 'node:assert/strict'
import { test } from 'node:test'
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
    }),
  )
  const [last, before] = recent.about('10.0.0.1')
  assert.equal(last?.status, 403)
  assert.equal(last?.policy, 'allow')
  assert.equal(last?.reason, 'Bearer REDACTED is no address')
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

test('bytes that were no request are told as well', () => {
  const recent = createRecentDecisions()
  recent.noteClientError('https', 'ERR_SSL_HTTP_REQUEST', '10.0.0.1')
  const [only] = recent.about('10.0.0.1')
  assert.equal(only?.request, undefined)
  assert.equal(only?.error, 'ERR_SSL_HTTP_REQUEST')
  assert.equal(only?.decision, 'error')
})
