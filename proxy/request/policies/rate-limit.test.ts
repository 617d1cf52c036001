import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { type SampleFacts, sampleFacts } from '../../../test/harness/facts.ts'
import { readOptions, sampleContext, sampleUpgrade } from '../../../test/harness/policies.ts'
import type { Facts } from '../facts.ts'
import type { PolicyContext } from './context.ts'
import type { Policy } from './policy.ts'
import { memoryLimits, rateLimit } from './rate-limit.ts'

const start = Date.UTC(2026, 0, 1)

function build(t: TestContext, written: object, changes: Partial<PolicyContext> = {}): Policy {
  t.mock.timers.enable({ apis: ['Date', 'setInterval'], now: start })
  return rateLimit(readOptions('rateLimit', written), sampleContext(changes))
}

const ask = (policy: Policy, facts: Facts = sampleFacts()) => policy.decide?.(facts)
const verdictOf = (policy: Policy, facts: SampleFacts = {}) =>
  (ask(policy, sampleFacts(facts)) as { verdict: string }).verdict

test('N exchanges pass in a window, told how many are left; the next is refused, told when to come back', (t) => {
  const policy = build(t, { limit: 2, per: '1m' })
  const policyField = ['ratelimit-policy', '"2-in-60s";q=2;w=60']
  assert.deepEqual(ask(policy), {
    verdict: 'pass',
    responseHeaders: [policyField, ['ratelimit', '"2-in-60s";r=1;t=60']],
  })
  t.mock.timers.setTime(start + 20_500)
  assert.deepEqual(ask(policy), {
    verdict: 'pass',
    responseHeaders: [policyField, ['ratelimit', '"2-in-60s";r=0;t=40']],
  })
  assert.deepEqual(ask(policy), {
    verdict: 'deny',
    code: 'rate_limited',
    reason: '192.0.2.7 is past 2 in 60 s',
    responseHeaders: [policyField, ['ratelimit', '"2-in-60s";r=0;t=40'], ['retry-after', '40']],
  })
  t.mock.timers.setTime(start + 60_000)
  assert.partialDeepStrictEqual(ask(policy), { verdict: 'pass' })
})

test('an upgrade counts as a request and is refused as a request', (t) => {
  const policy = build(t, { limit: 2 })
  ask(policy)
  assert.partialDeepStrictEqual(ask(policy, sampleUpgrade()), { verdict: 'pass' })
  assert.partialDeepStrictEqual(ask(policy, sampleUpgrade()), { verdict: 'deny', code: 'rate_limited' })
})

test('requests of one tick get one number each', (t) => {
  const policy = build(t, { limit: 5 })
  const verdicts = Array.from({ length: 8 }, () => verdictOf(policy))
  assert.deepEqual(verdicts, ['pass', 'pass', 'pass', 'pass', 'pass', 'deny', 'deny', 'deny'])
})

const together: [what: string, by: string, first: SampleFacts, second: SampleFacts, same: boolean][] = [
  ['one address', 'client', { client: '10.0.0.1' }, { client: '10.0.0.1' }, true],
  ['two addresses', 'client', { client: '10.0.0.1' }, { client: '10.0.0.2' }, false],
  ['an address and its mapped form', 'client', { client: '10.0.0.1' }, { client: '::ffff:10.0.0.1' }, true],
  [
    'two addresses of an IPv6 /64',
    'client',
    { client: '2001:db8::1' },
    { client: '2001:db8::ffff:1:2:3' },
    true,
  ],
  ['two IPv6 /64', 'client', { client: '2001:db8:0:1::1' }, { client: '2001:db8:0:2::1' }, false],
  ['everybody', 'route', { client: '10.0.0.1' }, { client: '10.0.0.2' }, true],
  ['one key', 'header:X-Key', header('a', '10.0.0.1'), header('a', '10.0.0.2'), true],
  ['two keys of one address', 'header:X-Key', header('a', '10.0.0.1'), header('b', '10.0.0.1'), false],
  ['two without the field', 'header:X-Key', { client: '10.0.0.1' }, { client: '10.0.0.2' }, false],
  ['two with an empty field', 'header:X-Key', header('', '10.0.0.1'), header('', '10.0.0.2'), false],
  [
    'a key that reads like an address',
    'header:X-Key',
    header('10.0.0.2', '10.0.0.1'),
    { client: '10.0.0.2' },
    false,
  ],
  ['one subject', 'claim:sub', claim('ann', '10.0.0.1'), claim('ann', '10.0.0.2'), true],
  ['two subjects of one address', 'claim:sub', claim('ann', '10.0.0.1'), claim('bob', '10.0.0.1'), false],
  ['two without the claim', 'claim:sub', { client: '10.0.0.1' }, { client: '10.0.0.2' }, false],
  ['two with a claim that is a list', 'claim:sub', claim([1], '10.0.0.1'), claim([1], '10.0.0.2'), false],
  ['two without an own claim', 'claim:constructor', claim('a', '10.0.0.1'), claim('a', '10.0.0.2'), false],
]
for (const [what, by, first, second, same] of together) {
  test(`by ${by}, ${what} share${same ? '' : ' no'} one count`, (t) => {
    const policies = { jwt: readOptions('jwt', { key: 'x' }), extensions: [] }
    const policy = build(t, { limit: 1, by }, { policies })
    assert.equal(verdictOf(policy, first), 'pass')
    assert.equal(verdictOf(policy, second), same ? 'deny' : 'pass')
  })
}

test('the value of a header, which may be a key, is neither stored nor logged', (t) => {
  const keys: string[] = []
  const limits = {
    storeFor: () => ({
      increment: (key: string) => {
        keys.push(key)
        return { totalHits: 9, resetTime: undefined }
      },
    }),
  }
  const policy = build(t, { limit: 1, by: 'header:Authorization' }, { limits })
  const verdict = ask(policy, sampleFacts({ headers: { authorization: 'Bearer secret' } }))
  assert.match(keys[0] ?? '', /^header:Authorization=[\w-]{43}$/)
  assert.partialDeepStrictEqual(verdict, { reason: 'header:Authorization is past 1 in 60 s' })
})

test('a rehearsal looks and uses nothing up', async (t) => {
  const policy = build(t, { limit: 1 })
  const rehearsal = sampleFacts({ rehearsal: true })
  for (let i = 0; i < 3; i++) assert.partialDeepStrictEqual(await ask(policy, rehearsal), { verdict: 'pass' })
  assert.equal(verdictOf(policy), 'pass')
  assert.partialDeepStrictEqual(await ask(policy, rehearsal), { verdict: 'deny', code: 'rate_limited' })
})

test('observe mode counts, and tells clients of no limit that is not there', (t) => {
  const policy = build(t, { limit: 1, mode: 'observe' })
  assert.deepEqual(ask(policy), { verdict: 'pass' })
  assert.partialDeepStrictEqual(ask(policy), { verdict: 'deny', code: 'rate_limited' })
})

test('a store that answers by promise is waited for', async (t) => {
  const limits = { storeFor: () => ({ increment: async () => ({ totalHits: 3, resetTime: undefined }) }) }
  assert.partialDeepStrictEqual(await ask(build(t, { limit: 2 }, { limits })), { verdict: 'deny' })
})

test('while the shared store is away the limit holds in this process, and the failure is reported', async (t) => {
  const reports: string[] = []
  const policy = build(
    t,
    { limit: 1 },
    {
      route: 'away',
      limits: { storeFor: () => ({ increment: () => Promise.reject(new Error('ECONNREFUSED')) }) },
      onBackgroundError: (message) => reports.push(message),
    },
  )
  assert.partialDeepStrictEqual(await ask(policy), { verdict: 'pass' })
  assert.partialDeepStrictEqual(await ask(policy), { verdict: 'deny', code: 'rate_limited' })
  assert.deepEqual(reports, [
    'rateLimit of route away: the shared store of counts is away, each process counts for itself: ECONNREFUSED',
  ])
})

test('a reload forgives nobody: the same route and window go on with the same counts', (t) => {
  const limits = memoryLimits()
  ask(build(t, { limit: 1 }, { limits }))
  const reloaded = rateLimit(readOptions('rateLimit', { limit: 1 }), sampleContext({ limits }))
  assert.equal(verdictOf(reloaded), 'deny')
  const other = rateLimit(readOptions('rateLimit', { limit: 1 }), sampleContext({ limits, route: 'other' }))
  assert.equal(verdictOf(other), 'pass')
  const longer = rateLimit(readOptions('rateLimit', { limit: 1, per: '1h' }), sampleContext({ limits }))
  assert.equal(verdictOf(longer), 'pass')
})

test('a count in memory is a number of its own, which later counts do not change', () => {
  const store = memoryLimits().storeFor('own', 60_000)
  const counts = [store.increment('k'), store.increment('k')]
  assert.partialDeepStrictEqual(counts, [{ totalHits: 1 }, { totalHits: 2 }])
})

/** A window ends at a time of day: set back by an hour, the clock once held clients back for as long. */
test('a clock that is set back makes no window longer', (t) => {
  const policy = build(t, { limit: 1 }, { limits: memoryLimits() })
  verdictOf(policy)
  assert.equal(verdictOf(policy), 'deny')
  const now = Date.now
  t.mock.method(Date, 'now', () => now() - 3_600_000)
  assert.equal(verdictOf(policy), 'pass')
  assert.equal(verdictOf(policy), 'deny')
})

test('a flood of addresses cannot fill the memory: the quiet ones are forgotten, the busy ones are not', (t) => {
  const policy = build(t, { limit: 3 }, { limits: memoryLimits(100) })
  const busy = { client: '10.9.9.9' }
  for (let i = 0; i < 3; i++) verdictOf(policy, busy)
  for (let i = 0; i < 1000; i++) {
    verdictOf(policy, { client: `10.0.${i >> 8}.${i & 255}` })
    if (i % 50 === 0) assert.equal(verdictOf(policy, busy), 'deny')
  }
  // Two generations of a hundred are all that is kept, so the first of the flood is unknown again.
  for (let i = 0; i < 3; i++) assert.equal(verdictOf(policy, { client: '10.0.0.0' }), 'pass')
})

const refused: [options: { by?: string }, message: string][] = [
  [
    { by: 'claim:sub' },
    '`by: claim:sub` needs the policy jwt on the same route: claims are those of its token',
  ],
]
for (const [options, message] of refused) {
  test(`refused when the route is built: ${message}`, () => {
    const some = readOptions('rateLimit', { limit: 1 })
    assert.throws(() => rateLimit({ ...some, ...options }, sampleContext()), { message })
  })
}

function header(value: string, client: string): SampleFacts {
  return { client, headers: { 'X-Key': value } }
}

function claim(value: unknown, client: string): SampleFacts {
  return { client, claims: { sub: value } }
}
