import assert from 'node:assert/strict'
import { generateKeyPairSync, type KeyObject } from 'node:crypto'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { type TestContext, test } from 'node:test'
import { SignJWT } from 'jose'
import { sampleFacts } from '../../../test/harness/facts.ts'
import { readOptions, sampleContext, sampleUpgrade } from '../../../test/harness/policies.ts'
import { jwt } from './jwt.ts'
import type { Verdict } from './policy.ts'

const [first, second] = ['one', 'two'].map((kid) => ({
  kid,
  ...generateKeyPairSync('ec', { namedCurve: 'P-256' }),
})) as [Pair, Pair]

interface Pair {
  kid: string
  publicKey: KeyObject
  privateKey: KeyObject
}

/** An identity provider: answers with whatever `reply` is at that moment. */
async function provider(t: TestContext, keys: readonly Pair[]) {
  const state = { reply: setOf(keys), status: 200, headers: {}, asked: 0, silent: false }
  const server = createServer((_request, response) => {
    state.asked++
    if (!state.silent) response.writeHead(state.status, state.headers).end(state.reply)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.after(() => {
    server.closeAllConnections()
    server.close()
  })
  const told: string[] = []
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/keys`
  const policy = jwt(
    readOptions('jwt', { jwks: url }),
    sampleContext({ onBackgroundError: (message) => told.push(message) }),
  )
  const ask = async (pair: Pair, kid: string | undefined = pair.kid, rehearsal = false): Promise<Verdict> => {
    const token = await new SignJWT({ sub: 'alice', jti: crypto.randomUUID() })
      .setProtectedHeader({ alg: 'ES256', kid })
      .setExpirationTime('1h')
      .sign(pair.privateKey)
    return judge(token, rehearsal)
  }
  const judge = async (token: string, rehearsal = false): Promise<Verdict> => {
    const headers = ['Authorization', `Bearer ${token}`]
    const verdict = await policy.decide?.(sampleFacts({ headers, rehearsal }))
    assert.deepEqual(await policy.decide?.(sampleUpgrade({ headers, rehearsal })), verdict)
    assert.ok(verdict)
    return verdict
  }
  return { state, told, ask, judge, policy }
}

function setOf(pairs: readonly Pair[]): string {
  return JSON.stringify({
    keys: pairs.map(({ kid, publicKey }) => ({ ...publicKey.export({ format: 'jwk' }), kid })),
  })
}

/** Lets time pass without waiting for it, by every clock that is asked. */
function clocks(t: TestContext) {
  const start = Date.now()
  const real = performance.now.bind(performance)
  let ahead = 0
  t.mock.timers.enable({ apis: ['Date'], now: start })
  t.mock.method(performance, 'now', () => real() + ahead)
  return {
    pass(milliseconds: number) {
      ahead += milliseconds
      t.mock.timers.setTime(start + ahead)
    },
  }
}

function codeOf(verdict: Verdict): string {
  return verdict.verdict === 'deny' ? verdict.code : verdict.verdict
}

test('keys are fetched once, when the first token comes', async (t) => {
  const { state, ask } = await provider(t, [first, second])
  assert.equal(state.asked, 0)
  assert.equal(codeOf(await ask(first)), 'pass')
  assert.equal(codeOf(await ask(second)), 'pass')
  assert.equal(codeOf(await ask(second, 'one')), 'token_invalid')
  assert.equal(state.asked, 1)
})

test('an unknown kid has the keys fetched again, twice a minute at most', async (t) => {
  const clock = clocks(t)
  const { state, ask } = await provider(t, [first])
  assert.equal(codeOf(await ask(first)), 'pass')
  state.reply = setOf([second])
  for (let i = 0; i < 20; i++) assert.equal(codeOf(await ask(second, `random-${i}`)), 'token_invalid')
  assert.equal(state.asked, 1)
  clock.pass(31_000)
  assert.equal(codeOf(await ask(second)), 'pass')
  assert.equal(codeOf(await ask(first)), 'token_invalid')
  assert.equal(state.asked, 2)
})

test('a withdrawn key takes its tokens along, even if every token is known', async (t) => {
  const clock = clocks(t)
  const { state, judge } = await provider(t, [first])
  const token = await new SignJWT({})
    .setProtectedHeader({ alg: 'ES256' })
    .setExpirationTime('9h')
    .sign(first.privateKey)
  assert.equal(codeOf(await judge(token)), 'pass')
  state.reply = setOf([second])
  assert.equal(codeOf(await judge(token)), 'pass')
  clock.pass(601_000)
  for (let i = 0; i < 500 && codeOf(await judge(token)) === 'pass'; i++)
    await new Promise((resolve) => setTimeout(resolve, 5))
  assert.equal(codeOf(await judge(token)), 'token_invalid')
})

const broken: readonly [
  what: string,
  change: (state: Awaited<ReturnType<typeof provider>>['state']) => void,
  told: RegExp,
][] = [
  ['answers 500', (state) => Object.assign(state, { status: 500 }), /gave no keys: status 500/],
  ['redirects', (state) => Object.assign(state, { status: 302, headers: { location: '/x' } }), /status 302/],
  ['answers HTML', (state) => Object.assign(state, { reply: '<html>' }), /gave no keys/],
  ['answers no set', (state) => Object.assign(state, { reply: '{}' }), /not a JWK Set/],
  ['answers without end', (state) => Object.assign(state, { reply: 'x'.repeat(600_000) }), /more than 512KB/],
  ['says nothing', (state) => Object.assign(state, { silent: true }), /gave no keys/],
]
for (const [what, change, message] of broken) {
  test(`a provider that ${what}: key_unavailable, asked no more for a while, then again`, async (t) => {
    const clock = clocks(t)
    const { state, told, ask } = await provider(t, [first])
    change(state)
    for (let i = 0; i < 3; i++) assert.equal(codeOf(await ask(first)), 'key_unavailable')
    assert.equal(state.asked, 1)
    assert.equal(told.length, 1)
    assert.match(told[0] ?? '', message)
    Object.assign(state, { status: 200, reply: setOf([first]), silent: false, headers: {} })
    clock.pass(6000)
    assert.equal(codeOf(await ask(first)), 'pass')
  })
}

test('a set with a secret or a private key in it verifies nothing', async (t) => {
  const { state, ask } = await provider(t, [first])
  state.reply = JSON.stringify({ keys: [{ ...first.privateKey.export({ format: 'jwk' }), kid: 'one' }] })
  assert.notEqual(codeOf(await ask(first)), 'pass')
})

test('a rehearsal fetches nothing', async (t) => {
  const { state, ask } = await provider(t, [first])
  assert.equal(codeOf(await ask(first, 'one', true)), 'key_unavailable')
  assert.equal(state.asked, 0)
  assert.equal(codeOf(await ask(first)), 'pass')
  assert.equal(codeOf(await ask(first, 'one', true)), 'pass')
})
