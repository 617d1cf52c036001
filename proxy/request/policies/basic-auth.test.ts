import assert from 'node:assert/strict'
import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { setTimeout as wait } from 'node:timers/promises'
import type { SampleFacts } from '../../../test/harness/facts.ts'
import { sampleFacts } from '../../../test/harness/facts.ts'
import { readOptions, sampleContext, sampleUpgrade } from '../../../test/harness/policies.ts'
import { basicAuth } from './basic-auth.ts'
import type { Policy, Verdict } from './policy.ts'

const correctHorse = '$2y$04$abcdefghijklmnopqrstuujydOTSfIH/d5oUHpsygqV5X9xJLQc6e'
const coloned = '$apr1$qHDFfhPC$wFuXqUyEx.HDThc.cTdtm1'
const costly = '$2y$10$abcdefghijklmnopqrstuujydOTSfIH/d5oUHpsygqV5X9xJLQc6e'

function build(t: TestContext, content = `alice:${correctHorse}\njürgen:${coloned}\n`, written: object = {}) {
  const folder = mkdtempSync(join(tmpdir(), 'basic-auth-'))
  t.after(() => rmSync(folder, { recursive: true }))
  const path = join(folder, 'users')
  writeFileSync(path, content)
  const told: string[] = []
  const context = sampleContext({ folder, onBackgroundError: (message) => told.push(message) })
  return { path, told, policy: basicAuth(readOptions('basicAuth', { users: 'users', ...written }), context) }
}

function basic(text: string | Buffer): string {
  return `Basic ${Buffer.from(text).toString('base64')}`
}

/** The same facts as a request and as a handshake: what one may not, the other may not. */
const ways = {
  request: (headers: readonly string[], rest: SampleFacts = {}) => sampleFacts({ ...rest, headers }),
  upgrade: (headers: readonly string[]) => sampleUpgrade({ headers }),
}

async function decide(policy: Policy, authorization?: string): Promise<Verdict> {
  const fields = authorization === undefined ? [] : ['Authorization', authorization]
  const verdict = await policy.decide?.(ways.request(fields))
  assert.deepEqual(await policy.decide?.(ways.upgrade(fields)), verdict, 'an upgrade is judged alike')
  assert.ok(verdict)
  return verdict
}

test('the right name and password pass, and name the user', async (t) => {
  const { policy } = build(t)
  assert.deepEqual(await decide(policy, basic('alice:correct horse')), { verdict: 'pass', user: 'alice' })
  assert.deepEqual(await decide(policy, basic('jürgen:päss:wörd€')), { verdict: 'pass', user: 'jürgen' })
  assert.deepEqual(await decide(policy, basic('ju\u0308rgen:päss:wörd€')), {
    verdict: 'pass',
    user: 'jürgen',
  })
  assert.deepEqual(await decide(policy, basic('alice:correct horse').replace('Basic', 'bAsIc  ')), {
    verdict: 'pass',
    user: 'alice',
  })
})

const refusals: readonly [what: string, authorization: string | undefined, code: string, reason: RegExp][] = [
  ['no field', undefined, 'credentials_required', /^no credentials$/],
  ['another scheme', 'Bearer abc', 'credentials_required', /^no credentials$/],
  ['a scheme that begins like Basic', 'Basically abc', 'credentials_required', /^no credentials$/],
  ['a wrong password', basic('alice:battery staple'), 'credentials_invalid', /^wrong password of "alice"$/],
  ['an empty password', basic('alice:'), 'credentials_invalid', /^wrong password of "alice"$/],
  [
    'the hash as password',
    basic(`alice:${correctHorse}`),
    'credentials_invalid',
    /^wrong password of "alice"$/,
  ],
  ['an unknown user', basic('mallory:correct horse'), 'credentials_invalid', /^unknown user$/],
  ['a password typed as name', basic('swordfish:x'), 'credentials_invalid', /^unknown user$/],
  ['a name in other letters', basic('Alice:correct horse'), 'credentials_invalid', /^unknown user$/],
  ['a name of a prototype', basic('__proto__:x'), 'credentials_invalid', /^unknown user$/],
  ['no colon', basic('alice'), 'credentials_invalid', /^no colon$/],
  ['an empty name', basic(':correct horse'), 'credentials_invalid', /RFC 7617/],
  ['nothing after the scheme', 'Basic', 'credentials_invalid', /^no colon$/],
  ['malformed base64', 'Basic !!!', 'credentials_invalid', /^malformed base64$/],
  ['base64 with a comma', `${basic('alice:correct horse')}, x`, 'credentials_invalid', /^malformed base64$/],
  [
    'bytes that are not UTF-8',
    basic(Buffer.from('alice:\xff', 'latin1')),
    'credentials_invalid',
    /^not UTF-8$/,
  ],
  ['a password behind a zero byte', basic('alice:correct horse\0x'), 'credentials_invalid', /RFC 7617/],
  ['a line break in the name', basic('al\r\nice:x'), 'credentials_invalid', /RFC 7617/],
  ['an overlong password', basic(`alice:${'x'.repeat(1025)}`), 'credentials_invalid', /more than 1024 bytes/],
]
for (const [what, authorization, code, reason] of refusals) {
  test(`${what}: ${code}, for an upgrade too`, async (t) => {
    const verdict = await decide(build(t).policy, authorization)
    assert.ok(verdict.verdict === 'deny')
    assert.equal(verdict.code, code)
    assert.match(verdict.reason, reason)
    assert.deepEqual(verdict.responseHeaders, [
      ['www-authenticate', 'Basic realm="Restricted", charset="UTF-8"'],
    ])
  })
}

test('two Authorization fields are refused, whichever is right', async (t) => {
  const { policy } = build(t)
  const [right, wrong] = [basic('alice:correct horse'), basic('alice:wrong')]
  for (const pair of [
    ['Authorization', right, 'authorization', wrong],
    ['Authorization', wrong, 'authorization', right],
  ]) {
    for (const way of Object.values(ways)) {
      const verdict = await policy.decide?.(way(pair))
      assert.ok(verdict?.verdict === 'deny' && verdict.code === 'credentials_invalid')
    }
  }
})

test('a password that was right once is checked no more, and answers at once', async (t) => {
  const { policy } = build(t, `alice:${correctHorse}`)
  const facts = ways.request(['Authorization', basic('alice:correct horse')])
  assert.ok(policy.decide?.(facts) instanceof Promise)
  await policy.decide?.(facts)
  assert.deepEqual(policy.decide?.(facts), { verdict: 'pass', user: 'alice' })
})

test('a wrong password is never remembered', async (t) => {
  const { policy } = build(t)
  const facts = ways.request(['Authorization', basic('alice:wrong')])
  await policy.decide?.(facts)
  assert.ok(policy.decide?.(facts) instanceof Promise)
})

test('the requests of one page cost one check', async (t) => {
  const { policy } = build(t)
  const facts = ways.request(['Authorization', basic('alice:correct horse')])
  const verdicts = Array.from({ length: 30 }, () => policy.decide?.(facts))
  assert.equal(new Set(verdicts).size, 1)
  assert.deepEqual(await verdicts[0], { verdict: 'pass', user: 'alice' })
})

test('a flood of guesses fills a bounded queue and is then turned away; who is known still passes', async (t) => {
  const { policy } = build(t)
  const known = ways.request(['Authorization', basic('alice:correct horse')])
  await policy.decide?.(known)
  const flood = Array.from({ length: 200 }, (_, i) =>
    policy.decide?.(ways.request(['Authorization', basic(`alice:guess ${i}`)])),
  )
  assert.deepEqual(policy.decide?.(known), { verdict: 'pass', user: 'alice' })
  const codes = (await Promise.all(flood)).map((verdict) =>
    verdict?.verdict === 'deny' ? verdict.code : 'pass',
  )
  assert.equal(codes.filter((code) => code === 'credentials_invalid').length, 66)
  assert.equal(codes.filter((code) => code === 'overloaded').length, 134)
})

test('an unknown user costs what a wrong password costs', async (t) => {
  const { policy } = build(t, `alice:${costly}\nbob:{SHA}L55TUjtiq8FBorTWAZ0jy6g129A=\n`)
  /** The quickest of five guesses: whatever else the machine does makes one slower, and none quicker. */
  const time = async (user: string): Promise<number> => {
    const took: number[] = []
    for (let guess = 0; guess < 5; guess++) {
      const started = performance.now()
      await policy.decide?.(ways.request(['Authorization', basic(`${user}:wrong ${guess}`)]))
      took.push(performance.now() - started)
    }
    return Math.min(...took)
  }
  const cheap = await time('bob')
  const wrong = await time('alice')
  const unknown = await time('mallory')
  assert.ok(unknown > wrong / 4 && unknown > cheap * 3, `${unknown} ms against ${wrong} and ${cheap}`)
})

test('a user that leaves the file is out, remembered or not; a broken file is told and keeps the users', async (t) => {
  const { policy, path, told } = build(t, `alice:${correctHorse}\nbob:${correctHorse}\n`)
  const as = (user: string) =>
    policy.decide?.(ways.request(['Authorization', basic(`${user}:correct horse`)]))
  assert.equal((await as('alice'))?.verdict, 'pass')
  rewrite(path, `bob:${correctHorse}\n`)
  await until(async () => (await as('alice'))?.verdict === 'deny')
  assert.equal((await as('bob'))?.verdict, 'pass')
  rewrite(path, 'bob:swordfish\n')
  await until(async () => (await as('bob')) !== undefined && told.length > 0)
  assert.match(told.join('\n'), /^users:1: the password of "bob" is plain text; .* stays in force$/)
  assert.equal((await as('bob'))?.verdict, 'pass')
})

test('the upstream does not see the password', (t) => {
  const headers = ['Host', 'x', 'AUTHORIZATION', basic('alice:correct horse'), 'Accept', '*/*']
  build(t).policy.editRequest?.(sampleFacts(), headers)
  assert.deepEqual(headers, ['Host', 'x', 'Accept', '*/*'])
})

test('in observe mode the field goes on, and refusals are still verdicts', async (t) => {
  const { policy } = build(t, undefined, { mode: 'observe' })
  assert.equal(policy.mode, 'observe')
  assert.equal(policy.editRequest, undefined)
  assert.equal((await decide(policy)).verdict, 'deny')
})

const refusedOptions: readonly [what: string, written: object, content: string, message: RegExp][] = [
  [
    'a file that is missing',
    { users: 'none' },
    '',
    /none cannot be read: there is no such file; `gatehouse hash NAME --file none` makes it$/,
  ],
  ['an empty file', {}, '', /^users holds no user/],
  ['a plain password', {}, 'alice:swordfish', /^users:1: the password of "alice" is plain text/],
]
for (const [what, written, content, message] of refusedOptions) {
  test(`${what} is refused when the route is built`, (t) => {
    assert.throws(() => build(t, content, written), { message })
  })
}

function rewrite(path: string, content: string): void {
  writeFileSync(`${path}.new`, content)
  renameSync(`${path}.new`, path)
}

async function until(holds: () => Promise<boolean>): Promise<void> {
  for (let i = 0; i < 250; i++) {
    if (await holds()) return
    await wait(20)
  }
  assert.fail('did not come about within five seconds')
}
