import assert from 'node:assert/strict'
import { test } from 'node:test'
import { sampleFacts } from '../../../test/harness/facts.ts'
import { readOptions, sampleContext, sampleUpgrade } from '../../../test/harness/policies.ts'
import { askPolicies } from './ask.ts'
import { deny } from './deny.ts'
import { buildPolicies } from './index.ts'

const policy = deny(readOptions('deny', ['10.0.0.0/8', '10.1.0.0/16', '2001:db8::/32']))

const rows: [client: string, network: string][] = [
  ['10.9.0.1', '10.0.0.0/8'],
  ['10.1.0.1', '10.0.0.0/8'],
  ['::ffff:10.9.0.1', '10.0.0.0/8'],
  ['2001:db8::1', '2001:db8::/32'],
]
for (const [client, network] of rows) {
  test(`${client} is refused, with a request and with an upgrade, because of ${network}`, () => {
    for (const facts of [sampleFacts({ client }), sampleUpgrade({ client })]) {
      assert.deepEqual(policy.decide?.(facts), {
        verdict: 'deny',
        code: 'address_denied',
        reason: `${facts.client.text} is in the denied network ${network}`,
      })
    }
  })
}

test('an address in none of the networks passes', () => {
  assert.deepEqual(policy.decide?.(sampleFacts({ client: '11.0.0.1' })), { verdict: 'pass' })
})

test('an address that is both denied and allowed is refused', () => {
  const policies = {
    allow: readOptions('allow', ['10.0.0.0/8']),
    deny: readOptions('deny', ['10.0.0.66']),
    extensions: [],
  }
  const built = buildPolicies(policies, sampleContext({ policies }), new Map())
  const ask = (client: string) => askPolicies(built, sampleFacts({ client }))
  assert.partialDeepStrictEqual(ask('10.0.0.1'), { outcome: 'pass' })
  assert.partialDeepStrictEqual(ask('10.0.0.66'), { outcome: 'deny', policy: 'deny' })
  assert.partialDeepStrictEqual(ask('11.0.0.1'), { outcome: 'deny', policy: 'allow' })
})
