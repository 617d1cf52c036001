import assert from 'node:assert/strict'
import { test } from 'node:test'
import { sampleFacts } from '../../../test/harness/facts.ts'
import type { Extension } from '../../config/loaded.ts'
import { askPolicies } from './ask.ts'
import { buildExtensionPolicy } from './extension-policy.ts'
import { pass, type ResponseHead } from './policy.ts'

type Create = (options: unknown) => unknown

function build(create: Create, options?: unknown) {
  const extension: Extension = { name: 'geo', file: 'geo.ts', kind: 'policy', create }
  return buildExtensionPolicy({ name: 'geo', options }, new Map([['geo', extension]]))
}

test('the extension gets its options without `mode`, which is ours', () => {
  let given: unknown
  const policy = build(
    (options) => {
      given = options
      return { decide: () => pass }
    },
    { mode: 'observe', countries: ['DE'] },
  )
  assert.deepEqual(given, { countries: ['DE'] })
  assert.equal(policy.mode, 'observe')
  assert.equal(policy.name, 'geo')
  assert.equal(build(() => ({ decide: () => pass }), 'DE').mode, 'enforce')
})

test('hooks may use `this`, and the name and mode of the file win over those of the object', () => {
  class Geo {
    name = 'spoofed'
    mode = 'observe'
    reason = 'far away'
    decide() {
      return { verdict: 'deny', code: 'policy_denied', reason: this.reason }
    }
  }
  const decision = askPolicies([build(() => new Geo())], sampleFacts())
  assert.partialDeepStrictEqual(decision, {
    outcome: 'deny',
    policy: 'geo',
    code: 'policy_denied',
    reason: 'far away',
  })
})

test('every hook and constant of a policy is taken over', () => {
  const made = {
    decide: () => pass,
    editRequest: () => {},
    editResponse: () => {},
    encodeBody: () => undefined,
    bodyLimit: 5,
    fixedHeaders: [['x-geo', 'DE']],
    needsClaims: true,
  }
  const policy = build(() => made)
  assert.deepEqual(Object.keys(policy).sort(), [...Object.keys(made), 'mode', 'name'].sort())
})

const broken: [what: string, create: Create, options: unknown, message: RegExp][] = [
  [
    'create throws',
    () => {
      throw new Error('no database')
    },
    {},
    /^extension "geo" could not be created: no database$/,
  ],
  ['create answers nothing', () => undefined, {}, /made no policy/],
  ['create answers a promise', async () => ({}), {}, /not by promise/],
  ['it has no hook', () => ({ decides: () => pass }), {}, /has no hook, so it would do nothing/],
  ['a hook is no function', () => ({ decide: true }), {}, /has a `decide` that is no function/],
  [
    'a fixed header cannot be sent',
    () => ({ fixedHeaders: [['a b', 'c']] }),
    {},
    /has fixed headers that cannot be sent/,
  ],
  [
    'the mode is no mode',
    () => ({ decide: () => pass }),
    { mode: 'off' },
    /`mode` is neither enforce nor observe/,
  ],
]
for (const [what, create, options, message] of broken) {
  test(`it is closed for good reason when ${what}`, () => {
    assert.throws(() => build(create, options), { code: 'extension_broken', message })
  })
}

const missing: [what: string, extensions: [string, Extension][], message: RegExp][] = [
  ['it is not there', [], /is not loaded/],
  [
    'it did not load',
    [['geo', { name: 'geo', file: 'geo.ts', broken: 'SyntaxError' }]],
    /did not load: SyntaxError/,
  ],
  [
    'it is middleware',
    [['geo', { name: 'geo', file: 'geo.ts', kind: 'middleware', create: () => pass }]],
    /is middleware, which stands under `middleware`/,
  ],
]
for (const [what, extensions, message] of missing) {
  test(`it is closed for good reason when ${what}`, () => {
    const building = () => buildExtensionPolicy({ name: 'geo', options: {} }, new Map(extensions))
    assert.throws(building, { code: 'extension_broken', message })
  })
}

const nonsense: [what: string, verdict: unknown][] = [
  ['nothing', undefined],
  ['true', true],
  ['a code that is not in the catalogue', { verdict: 'deny', code: 'toString', reason: '' }],
  ['a field that would split the response', { verdict: 'pass', responseHeaders: [['x', 'a\r\nb: c']] }],
  ['a field that would split the request', { verdict: 'pass', requestHeaders: [['x', 'a\r\nb: c']] }],
  ['a status that is none', { verdict: 'answer', status: 99, reason: '', headers: [] }],
  ['an answer without fields', { verdict: 'answer', status: 200, reason: '' }],
]
for (const [what, verdict] of nonsense) {
  test(`an extension that says ${what} has passed nobody`, async () => {
    for (const given of [verdict, Promise.resolve(verdict)]) {
      const decision = await askPolicies([build(() => ({ decide: () => given }))], sampleFacts())
      assert.partialDeepStrictEqual(decision, { outcome: 'deny', policy: 'geo', code: 'internal' })
    }
  })
}

test('a response field that would end the field is an error of the extension, and is not left in the head', () => {
  const policy = build(() => ({
    editResponse(_: unknown, head: ResponseHead) {
      head.headers['x-b'] = 'a\r\nset-cookie: b'
    },
  }))
  const head: ResponseHead = { status: 200, headers: { 'x-a': 'kept' } }
  assert.throws(() => policy.editResponse?.(sampleFacts(), head), { code: 'ERR_INVALID_CHAR' })
  assert.deepEqual(head.headers, { 'x-a': 'kept' })
})
