import assert from 'node:assert/strict'
import { test } from 'node:test'
import { sampleFacts } from '../../../test/harness/facts.ts'
import { readOptions, sampleContext, sampleUpgrade } from '../../../test/harness/policies.ts'
import { askPolicies, type Decision } from './ask.ts'
import { buildPolicies } from './index.ts'
import { methods } from './methods.ts'

const rows: [list: string[], method: string, allowField: string | undefined][] = [
  [['GET'], 'GET', undefined],
  [['GET'], 'HEAD', undefined],
  [['get'], 'GET', undefined],
  [['GET'], 'POST', 'GET, HEAD'],
  [['GET'], 'OPTIONS', 'GET, HEAD'],
  [['POST'], 'HEAD', 'POST'],
  [['POST', 'OPTIONS'], 'OPTIONS', undefined],
  // RFC 9110 §9.1: methods are case-sensitive, so `get` is another one.
  [['GET'], 'get', 'GET, HEAD'],
]
for (const [list, method, allowField] of rows) {
  test(`methods: [${list}] ${allowField ? 'refuses' : 'passes'} ${method}`, () => {
    const verdict = methods(readOptions('methods', list)).decide?.(sampleFacts({ method }))
    if (!allowField) return assert.deepEqual(verdict, { verdict: 'pass' })
    assert.deepEqual(verdict, {
      verdict: 'deny',
      code: 'method_not_allowed',
      reason: `${method} is none of ${allowField}`,
      responseHeaders: [['allow', allowField]],
    })
  })
}

// The attack: what was let in as a POST is done as a DELETE.
const overrides: [field: string, value: string, passes: boolean][] = [
  ['X-HTTP-Method-Override', 'DELETE', false],
  ['x-http-method-override', 'delete', false],
  ['X_HTTP_Method_Override', 'DELETE', false],
  ['X-HTTP-Method', 'PUT', false],
  ['X-Method-Override', 'PATCH', false],
  ['X-HTTP-Method-Override', 'POST, DELETE', false],
  ['X-HTTP-Method-Override', 'POST', true],
  ['X-HTTP-Method-Override', '', true],
  ['X-Other', 'DELETE', true],
]
for (const [field, value, passes] of overrides) {
  test(`methods: [GET, POST] ${passes ? 'passes' : 'refuses'} a POST with ${field}: ${value}`, () => {
    const policy = methods(readOptions('methods', ['GET', 'POST']))
    const headers = ['Host', 'a.test', field, value]
    const verdict = policy.decide?.(sampleFacts({ method: 'POST', headers }))
    assert.partialDeepStrictEqual(verdict, passes ? { verdict: 'pass' } : { code: 'method_not_allowed' })
    const upgrade = policy.decide?.(sampleUpgrade({ headers }))
    assert.equal((upgrade as { verdict: string }).verdict, passes ? 'pass' : 'deny')
  })
}

test('a second field that overrides the method is looked at as well', () => {
  const headers = ['X-HTTP-Method-Override', 'POST', 'X-HTTP-Method-Override', 'DELETE']
  const verdict = methods(readOptions('methods', ['POST'])).decide?.(sampleFacts({ method: 'POST', headers }))
  assert.partialDeepStrictEqual(verdict, { code: 'method_not_allowed' })
})

test('an upgrade is a GET, and does not pass where GET does not', () => {
  const policy = methods(readOptions('methods', ['POST']))
  assert.partialDeepStrictEqual(policy.decide?.(sampleUpgrade()), { code: 'method_not_allowed' })
})

test('a preflight is answered by cors before a list without OPTIONS sees it; a bare OPTIONS is refused', () => {
  const policies = {
    methods: readOptions('methods', ['GET']),
    cors: readOptions('cors', { origins: ['https://app.test'] }),
    extensions: [],
  }
  const built = buildPolicies(policies, sampleContext({ policies }), new Map())
  const preflight = ['Origin', 'https://app.test', 'Access-Control-Request-Method', 'GET']
  const answer = askPolicies(built, sampleFacts({ method: 'OPTIONS', headers: preflight })) as Decision
  assert.equal(answer.outcome, 'answer')
  const bare = askPolicies(built, sampleFacts({ method: 'OPTIONS', headers: ['Origin', 'https://app.test'] }))
  assert.partialDeepStrictEqual(bare, { outcome: 'deny', code: 'method_not_allowed' })
})
