import assert from 'node:assert/strict'
import { test } from 'node:test'
import { sampleFacts } from '../../../test/harness/facts.ts'
import { readOptions, sampleUpgrade } from '../../../test/harness/policies.ts'
import { allow } from './allow.ts'

const policy = allow(readOptions('allow', ['127.0.0.1', '192.168.1.0/24', '10.0.0.5', '2001:db8::/32']))

for (const client of ['127.0.0.1', '192.168.1.255', '10.0.0.5', '::ffff:10.0.0.5', '2001:db8::9']) {
  test(`${client} is in an allowed network and passes`, () => {
    assert.deepEqual(policy.decide?.(sampleFacts({ client })), { verdict: 'pass' })
    assert.deepEqual(policy.decide?.(sampleUpgrade({ client })), { verdict: 'pass' })
  })
}

for (const client of ['127.0.0.2', '192.168.2.0', '10.0.0.50', '2001:db9::1', '::1']) {
  const refusal = {
    verdict: 'deny',
    code: 'address_denied',
    reason: `${client} is in no allowed network`,
  }
  test(`${client} is in none and is refused, with a request and with an upgrade`, () => {
    assert.deepEqual(policy.decide?.(sampleFacts({ client })), refusal)
    assert.deepEqual(policy.decide?.(sampleUpgrade({ client })), refusal)
  })
}

test('what a client says of its address changes nothing', () => {
  const facts = sampleFacts({
    client: '10.0.0.9',
    headers: ['X-Forwarded-For', '10.0.0.5', 'X-Real-IP', '10.0.0.5'],
  })
  assert.partialDeepStrictEqual(policy.decide?.(facts), { verdict: 'deny' })
})
