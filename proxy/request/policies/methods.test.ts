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
