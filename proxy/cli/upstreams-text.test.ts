import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { TargetReport } from '../admin/upstream-report.ts'
import { upstreamsText } from './upstreams-text.ts'

const targets = [
  { upstream: 'shop', url: 'http://127.0.0.1:3000', health: 'well', inFlight: 12 },
  {
    upstream: 'shop',
    url: 'http://127.0.0.1:3001',
    health: 'failing',
    inFlight: 0,
    reason: 'it does not accept connections (ECONNREFUSED)',
  },
] as unknown as TargetReport[]

test('what is wrong stands beside its target', () => {
  assert.deepEqual(upstreamsText(targets, ['cart']).split('\n'), [
    'target  address                health   in flight  heartbeat  age  reason or last error',
    'shop    http://127.0.0.1:3000  well            12  fixed',
    'shop    http://127.0.0.1:3001  failing          0  fixed           it does not accept connections (ECONNREFUSED)',
    'cart                           away                                nothing has announced itself',
  ])
})

test('where there is no room for it, below', () => {
  assert.deepEqual(upstreamsText(targets, ['cart'], 80).split('\n'), [
    'target  address                health   in flight  heartbeat  age',
    'shop    http://127.0.0.1:3000  well            12  fixed',
    'shop    http://127.0.0.1:3001  failing          0  fixed',
    '    it does not accept connections (ECONNREFUSED)',
    'cart                           away',
    '    nothing has announced itself',
  ])
  assert.deepEqual(upstreamsText(targets, [], 40).split('\n').slice(0, 2), [
    'target  address                health',
    'shop    http://127.0.0.1:3000  well',
  ])
})

test('an empty house says so', () => {
  assert.equal(upstreamsText([], []), 'There are no targets.')
})
