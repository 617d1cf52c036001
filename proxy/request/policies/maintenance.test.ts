import assert from 'node:assert/strict'
import { test } from 'node:test'
import { sampleFacts } from '../../../test/harness/facts.ts'
import { readOptions, sampleUpgrade } from '../../../test/harness/policies.ts'
import { maintenance } from './maintenance.ts'

const closed = {
  verdict: 'deny',
  code: 'maintenance',
  reason: 'the route is closed for maintenance',
  responseHeaders: [['retry-after', '300']],
}

test('`maintenance: true` closes the route to requests and upgrades, for five minutes', () => {
  const policy = maintenance(readOptions('maintenance', true))
  assert.deepEqual(policy.decide?.(sampleFacts()), closed)
  assert.deepEqual(policy.decide?.(sampleUpgrade()), closed)
})

test('`maintenance: false` and `on: false` leave it open, and are not even asked', () => {
  assert.equal(maintenance(readOptions('maintenance', false)).decide, undefined)
  assert.equal(maintenance(readOptions('maintenance', { on: false, allow: ['10.0.0.1'] })).decide, undefined)
})

test('the listed networks pass while it is closed, and nobody else', () => {
  const policy = maintenance(readOptions('maintenance', { allow: ['10.0.0.0/24'] }))
  assert.deepEqual(policy.decide?.(sampleFacts({ client: '10.0.0.3' })), { verdict: 'pass' })
  assert.deepEqual(policy.decide?.(sampleUpgrade({ client: '10.0.0.3' })), { verdict: 'pass' })
  assert.deepEqual(policy.decide?.(sampleFacts({ client: '10.0.1.3' })), closed)
})

test('Retry-After is in whole seconds, rounded up, and the message goes to the client', () => {
  const policy = maintenance(readOptions('maintenance', { retryAfter: '1500ms', message: 'Back at noon.' }))
  assert.deepEqual(policy.decide?.(sampleFacts()), {
    ...closed,
    message: 'Back at noon.',
    responseHeaders: [['retry-after', '2']],
  })
})
