import assert from 'node:assert/strict'
import { test } from 'node:test'
import { sampleFacts } from '../../../test/harness/facts.ts'
import { askPolicies, type Decision, type TraceEntry } from './ask.ts'
import { deny, type Policy, pass, type Verdict } from './policy.ts'

const saying = (
  name: string,
  verdict: Verdict | Promise<Verdict>,
  mode: Policy['mode'] = 'enforce',
): Policy => ({
  name,
  mode,
  decide: () => verdict,
})
const breaking = (name: string, mode: Policy['mode'] = 'enforce'): Policy => ({
  name,
  mode,
  decide: () => {
    throw new Error('the list is gone')
  },
})
const closed = deny('address_denied', 'closed', [['x-why', 'closed']])
const facts = sampleFacts()

test('without policies, and with none that decides, an exchange passes', () => {
  const nothing = { outcome: 'pass', requestHeaders: [], responseHeaders: [], user: undefined, observed: [] }
  assert.deepEqual(askPolicies([], facts), nothing)
  assert.deepEqual(askPolicies([{ name: 'editor', mode: 'enforce', editResponse: () => {} }], facts), nothing)
})

test('no promise is made while no policy makes one', () => {
  assert.equal(askPolicies([saying('a', pass), saying('b', closed)], facts) instanceof Promise, false)
  assert.equal(askPolicies([saying('a', Promise.resolve(pass))], facts) instanceof Promise, true)
})

test('the first refusal is the last word, and those behind it are not asked', async () => {
  for (const wrap of [(verdict: Verdict) => verdict, (verdict: Verdict) => Promise.resolve(verdict)]) {
    let asked = false
    const behind: Policy = {
      name: 'behind',
      mode: 'enforce',
      decide: () => {
        asked = true
        return pass
      },
    }
    const decision = await askPolicies([saying('a', wrap(pass)), saying('b', wrap(closed)), behind], facts)
    assert.partialDeepStrictEqual(decision, {
      outcome: 'deny',
      policy: 'b',
      code: 'address_denied',
      reason: 'closed',
      responseHeaders: [['x-why', 'closed']],
    })
    assert.equal(asked, false)
  }
})

test('an answer is the last word, too', () => {
  const answer: Verdict = {
    verdict: 'answer',
    status: 204,
    reason: 'preflight',
    headers: [['vary', 'Origin']],
  }
  assert.partialDeepStrictEqual(askPolicies([saying('cors', answer), breaking('b')], facts), {
    outcome: 'answer',
    policy: 'cors',
    status: 204,
    headers: [['vary', 'Origin']],
    responseHeaders: [],
  })
})

test('fields of all that passed are gathered in order, also before a refusal and over an await', async () => {
  const policies = [
    saying('a', { verdict: 'pass', requestHeaders: [['x-a', '1']], responseHeaders: [['limit', '5']] }),
    saying('b', Promise.resolve<Verdict>({ verdict: 'pass', requestHeaders: [['x-b', '2']], user: 'ann' })),
  ]
  const gathered = {
    requestHeaders: [
      ['x-a', '1'],
      ['x-b', '2'],
    ],
    user: 'ann',
  }
  assert.partialDeepStrictEqual(await askPolicies(policies, facts), {
    outcome: 'pass',
    ...gathered,
    responseHeaders: [['limit', '5']],
  })
  assert.partialDeepStrictEqual(await askPolicies([...policies, saying('c', closed)], facts), {
    outcome: 'deny',
    ...gathered,
    responseHeaders: [
      ['limit', '5'],
      ['x-why', 'closed'],
    ],
  })
})

test('claims of a token are facts for the policies that follow', () => {
  const own = sampleFacts()
  let seen: unknown
  const reader: Policy = {
    name: 'reader',
    mode: 'enforce',
    decide: (given) => {
      seen = given.claims
      return pass
    },
  }
  askPolicies([saying('jwt', { verdict: 'pass', claims: { sub: 'ann' } }), reader], own)
  assert.deepEqual(seen, { sub: 'ann' })
})

test('a refusal in observe mode is noted, stops nothing, and leaves no field behind', () => {
  const login: Verdict = {
    verdict: 'answer',
    status: 303,
    reason: 'no token',
    headers: [['location', '/login']],
  }
  const policies = [saying('a', closed, 'observe'), saying('b', login, 'observe'), saying('c', pass)]
  assert.deepEqual(askPolicies(policies, facts), {
    outcome: 'pass',
    requestHeaders: [],
    responseHeaders: [],
    user: undefined,
    observed: [
      { policy: 'a', reason: 'closed', code: 'address_denied' },
      { policy: 'b', reason: 'no token', code: 'answer' },
    ],
  })
})

const broken: [how: string, policy: Policy][] = [
  ['throws', breaking('x')],
  [
    'rejects',
    { name: 'x', mode: 'enforce', decide: async () => Promise.reject(new Error('the list is gone')) },
  ],
]
for (const [how, policy] of broken) {
  test(`a policy that ${how} has passed nobody`, async () => {
    const decision = (await askPolicies([policy, saying('b', pass)], facts)) as Decision & { reason: string }
    assert.partialDeepStrictEqual(decision, { outcome: 'deny', policy: 'x', code: 'internal' })
    assert.match(decision.reason, /^the policy broke: Error: the list is gone/)
  })
  test(`a policy in observe mode that ${how} is noted and passes`, async () => {
    const decision = await askPolicies([{ ...policy, mode: 'observe' }], facts)
    assert.equal(decision.outcome, 'pass')
    assert.equal(decision.observed.length, 1)
  })
}

for (const nonsense of [undefined, null, true, {}, { verdict: 'ok' }, 'pass']) {
  test(`${JSON.stringify(nonsense)} is no verdict and passes nobody`, async () => {
    const untyped = nonsense as unknown as Verdict
    for (const given of [untyped, Promise.resolve(untyped)]) {
      const decision = await askPolicies([saying('x', given)], facts)
      assert.partialDeepStrictEqual(decision, { outcome: 'deny', code: 'internal' })
    }
  })
}

test('a trace has each verdict in order, and says who was not asked any more', async () => {
  const trace: TraceEntry[] = []
  const policies = [
    saying('a', pass),
    saying('b', closed, 'observe'),
    { name: 'editor', mode: 'enforce' as const },
    saying('c', Promise.resolve(closed)),
    saying('d', pass),
    saying('e', closed, 'observe'),
  ]
  await askPolicies(policies, facts, trace)
  assert.deepEqual(trace, [
    { policy: 'a', mode: 'enforce', verdict: 'pass' },
    { policy: 'b', mode: 'observe', verdict: 'deny', reason: 'closed' },
    { policy: 'c', mode: 'enforce', verdict: 'deny', reason: 'closed' },
    { policy: 'd', mode: 'enforce', verdict: 'not asked' },
    { policy: 'e', mode: 'observe', verdict: 'not asked' },
  ])
})
