import assert from 'node:assert/strict'
import { test } from 'node:test'
import { readOptions, sampleContext } from '../../../test/harness/policies.ts'
import type { Extension, RoutePolicies } from '../../config/loaded.ts'
import { policySchemas } from '../../config/policy-schemas.ts'
import { buildPolicies, policyTable } from './index.ts'
import { pass } from './policy.ts'

const own: Extension = { name: 'own', file: 'own.ts', kind: 'policy', create: () => ({ decide: () => pass }) }
const build = (policies: RoutePolicies, extensions = new Map([['own', own]])) =>
  buildPolicies(policies, sampleContext({ policies, env: { KEY: 'x'.repeat(32) } }), extensions)

test('the table stands in the order of the schemas', () => {
  assert.deepEqual(Object.keys(policyTable), Object.keys(policySchemas))
})

test('policies are asked in the order of the table, whatever their order in the file; extensions last', () => {
  const built = build({
    extensions: [{ name: 'own', options: {} }],
    headers: readOptions('headers', {}),
    rateLimit: readOptions('rateLimit', { limit: 5 }),
    allow: readOptions('allow', ['10.0.0.1']),
    jwt: readOptions('jwt', { key: 'env:KEY' }),
    maintenance: readOptions('maintenance', true),
  })
  assert.deepEqual(
    built.map((policy) => policy.name),
    ['maintenance', 'allow', 'rateLimit', 'jwt', 'headers', 'own'],
  )
})

test('a limit by claim is asked after the policy that verifies the token', () => {
  const built = build({
    rateLimit: readOptions('rateLimit', { limit: 5, by: 'claim:sub' }),
    jwt: readOptions('jwt', { key: 'env:KEY' }),
    extensions: [{ name: 'own', options: {} }],
  })
  assert.deepEqual(
    built.map((policy) => policy.name),
    ['jwt', 'rateLimit', 'own'],
  )
})

test('options that cannot work say which policy they are of', () => {
  const rateLimit = readOptions('rateLimit', { limit: 5, by: 'claim:sub' })
  assert.throws(() => build({ rateLimit, extensions: [] }), {
    name: 'PolicyOptionsError',
    policy: 'rateLimit',
    message: /^policies\.rateLimit: `by: claim:sub` needs the policy jwt/,
  })
})

test('an extension that is not there closes the route by name', () => {
  assert.throws(() => build({ extensions: [{ name: 'geo', options: {} }] }), {
    code: 'extension_broken',
    message: 'extension "geo" is not loaded',
  })
})
