import assert from 'node:assert/strict'
import { createHmac, generateKeyPairSync, type KeyObject } from 'node:crypto'
import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { setTimeout as wait } from 'node:timers/promises'
import { type JWTPayload, SignJWT } from 'jose'
import { type SampleFacts, sampleFacts } from '../../../test/harness/facts.ts'
import { readOptions, sampleContext, sampleHead, sampleUpgrade } from '../../../test/harness/policies.ts'
import type { Facts } from '../facts.ts'
import { jwt } from './jwt.ts'
import type { Deny, Policy, Verdict } from './policy.ts'

const secret = 'a secret that is long enough for all of it, even for HS512, it is'
const hmac = Buffer.from(secret)
const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 })
const other = generateKeyPairSync('rsa', { modulusLength: 2048 })
const publicPem = rsa.publicKey.export({ type: 'spki', format: 'pem' }).toString()
const now = Math.floor(Date.now() / 1000)
const env = { SECRET: secret, PUBLIC: publicPem }

function build(written: object, context: Parameters<typeof sampleContext>[0] = {}): Policy {
  return jwt(readOptions('jwt', { key: 'env:SECRET', ...written }), sampleContext({ env, ...context }))
}

function sign(claims: JWTPayload, key: Uint8Array | KeyObject = hmac, header: object = {}): Promise<string> {
  return new SignJWT({ sub: 'alice', exp: now + 600, ...claims })
    .setProtectedHeader({ alg: key instanceof Uint8Array ? 'HS256' : 'RS256', ...header })
    .sign(key)
}

/** A token put together by hand, as an attacker does. */
function forge(header: object, claims: object, signature: (input: string) => string): string {
  const input = [header, claims]
    .map((part) => Buffer.from(JSON.stringify(part)).toString('base64url'))
    .join('.')
  return `${input}.${signature(input)}`
}

async function decide(policy: Policy, facts: Facts): Promise<Verdict> {
  const verdict = await policy.decide?.(facts)
  assert.ok(verdict)
  return verdict
}

/** As a request and as a handshake: what one may not, the other may not. */
async function present(policy: Policy, headers: readonly string[], rest: Omit<SampleFacts, 'headers'> = {}) {
  const verdict = await decide(policy, sampleFacts({ ...rest, headers }))
  assert.deepEqual(
    await decide(policy, sampleUpgrade({ ...rest, headers })),
    verdict,
    'an upgrade is judged alike',
  )
  return verdict
}

function bearer(token: string): string[] {
  return ['Authorization', `Bearer ${token}`]
}

function assertDenied(verdict: Verdict, code: string, reason: RegExp): asserts verdict is Deny {
  assert.ok(verdict.verdict === 'deny', `${verdict.verdict} instead of ${code}`)
  assert.equal(verdict.code, code)
  assert.match(verdict.reason, reason)
}

test('a good token passes, names the user and hands on its claims', async () => {
  const verdict = await present(build({}), bearer(await sign({ role: 'admin' })))
  assert.deepEqual(verdict, {
    verdict: 'pass',
    user: 'alice',
    claims: { sub: 'alice', exp: now + 600, role: 'admin' },
  })
})

test('a token without a subject passes without a user; a name beyond ASCII stays whole', async () => {
  const nameless = await present(build({}), bearer(await sign({ sub: undefined })))
  assert.ok(nameless.verdict === 'pass' && nameless.user === undefined)
  const named = await present(build({}), bearer(await sign({ sub: '李 Jürgen' })))
  assert.ok(named.verdict === 'pass' && named.user === '李 Jürgen')
})

const noneSigned = () => ''
const hmacWith = (key: string | Buffer) => (input: string) =>
  createHmac('sha256', key).update(input).digest('base64url')
const alice = { sub: 'alice', exp: now + 600 }

const refused: readonly [
  what: string,
  options: object,
  token: string | Promise<string>,
  code: string,
  reason: RegExp,
][] = [
  ['garbage', {}, 'garbage', 'token_invalid', /not of the form/],
  ['three dots of garbage', {}, 'aaa.bbb.ccc', 'token_invalid', /./],
  [
    'alg none without a signature',
    {},
    forge({ alg: 'none' }, alice, noneSigned),
    'token_invalid',
    /not of the form/,
  ],
  ['alg none with a signature', {}, forge({ alg: 'none' }, alice, hmacWith(secret)), 'token_invalid', /alg/i],
  ['alg None in other letters', {}, forge({ alg: 'nOnE' }, alice, hmacWith(secret)), 'token_invalid', /alg/i],
  ['no alg', {}, forge({}, alice, hmacWith(secret)), 'token_invalid', /alg/i],
  [
    'HS256 with the public key as the secret',
    { key: 'env:PUBLIC' },
    forge({ alg: 'HS256' }, alice, hmacWith(publicPem)),
    'token_invalid',
    /alg/i,
  ],
  [
    'HS256 with the public key, trimmed, as the secret',
    { key: 'env:PUBLIC' },
    forge({ alg: 'HS256' }, alice, hmacWith(publicPem.trim())),
    'token_invalid',
    /alg/i,
  ],
  ['RS256 against a secret', {}, sign({}, rsa.privateKey), 'token_invalid', /alg/i],
  ['a key of somebody else', { key: 'env:PUBLIC' }, sign({}, other.privateKey), 'token_invalid', /signature/],
  ['another secret', {}, sign({}, Buffer.alloc(64, 1)), 'token_invalid', /signature/],
  [
    'a key inside the token itself',
    { key: 'env:PUBLIC' },
    sign({}, other.privateKey, { jwk: other.publicKey.export({ format: 'jwk' }) }),
    'token_invalid',
    /signature/,
  ],
  [
    'an address of keys inside the token',
    { key: 'env:PUBLIC' },
    sign({}, other.privateKey, { jku: 'http://127.0.0.1:1/keys', x5u: 'http://127.0.0.1:1/' }),
    'token_invalid',
    /signature/,
  ],
  [
    'a kid that points at a file',
    {},
    forge({ alg: 'HS256', kid: '../../../dev/null' }, alice, hmacWith('')),
    'token_invalid',
    /signature/,
  ],
  [
    'an extension that must be understood',
    {},
    forge({ alg: 'HS256', crit: ['x'], x: 1 }, alice, hmacWith(secret)),
    'token_invalid',
    /./,
  ],
  ['an algorithm that is not asked for', { algorithms: ['HS512'] }, sign({}), 'token_invalid', /alg/i],
  ['an expired token', {}, sign({ exp: now - 60 }), 'token_expired', /^expired$/],
  ['a token of tomorrow', {}, sign({ nbf: now + 60 }), 'token_invalid', /nbf/],
  ['a token that never ends', {}, sign({ exp: undefined }), 'token_invalid', /exp/],
  [
    'an end that is text',
    {},
    forge({ alg: 'HS256' }, { exp: '9999999999' }, hmacWith(secret)),
    'token_invalid',
    /exp/,
  ],
  ['another issuer', { issuer: 'a' }, sign({ iss: 'b' }), 'token_invalid', /iss/],
  ['no issuer', { issuer: 'a' }, sign({}), 'token_invalid', /iss/],
  ['another audience', { audience: 'a' }, sign({ aud: ['b', 'c'] }), 'token_invalid', /aud/],
  ['no audience', { audience: 'a' }, sign({}), 'token_invalid', /aud/],
  ['a subject with a line break', {}, sign({ sub: 'a\r\nX-Forwarded-User: root' }), 'token_invalid', /sub/],
  ['a subject that is half a character', {}, sign({ sub: '\ud800' }), 'token_invalid', /sub/],
  ['a subject that is a number', {}, sign({ sub: 7 as never }), 'token_invalid', /sub/],
  ['an overlong token', {}, sign({ x: 'x'.repeat(9000) }), 'token_invalid', /more than 8192/],
  [
    'a claim of another value',
    { require: { role: 'admin' } },
    sign({ role: 'user' }),
    'claim_denied',
    /^claim "role" is not "admin"$/,
  ],
  ['a claim that is missing', { require: { role: 'admin' } }, sign({}), 'claim_denied', /role/],
  ['a claim that only a prototype has', { require: { toString: 'x' } }, sign({}), 'claim_denied', /toString/],
  [
    'a list without the value',
    { require: { role: 'admin' } },
    sign({ role: ['user', 'adm'] }),
    'claim_denied',
    /role/,
  ],
  ['a value of another type', { require: { admin: true } }, sign({ admin: 'true' }), 'claim_denied', /admin/],
]
for (const [what, options, token, code, reason] of refused) {
  test(`${what}: ${code}, for an upgrade and from a cookie too`, async () => {
    const policy = build({ cookie: 'session', ...options })
    const text = await token
    const verdict = await present(policy, bearer(text))
    assertDenied(verdict, code, reason)
    assert.match(verdict.responseHeaders?.[0]?.join(': ') ?? '', /^www-authenticate: Bearer error="/)
    assertDenied(await present(policy, ['Cookie', `session=${text}`]), code, reason)
    // Asked again, nothing that was refused has been remembered as good.
    assertDenied(await present(policy, bearer(text)), code, reason)
  })
}

test('without a token: token_required, and no error code in the challenge', async () => {
  const verdict = await present(build({}), [])
  assertDenied(verdict, 'token_required', /^no token$/)
  assert.deepEqual(verdict.responseHeaders, [['www-authenticate', 'Bearer']])
})

test('every algorithm verifies with the key that it is for', async () => {
  for (const alg of ['HS256', 'HS384', 'HS512'])
    assert.equal((await present(build({}), bearer(await sign({}, hmac, { alg })))).verdict, 'pass', alg)
  for (const alg of ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512']) {
    const policy = build({ key: 'env:PUBLIC' })
    assert.equal(
      (await present(policy, bearer(await sign({}, rsa.privateKey, { alg })))).verdict,
      'pass',
      alg,
    )
  }
  for (const [alg, pair] of [
    ['ES256', generateKeyPairSync('ec', { namedCurve: 'P-256' })],
    ['ES384', generateKeyPairSync('ec', { namedCurve: 'P-384' })],
    ['ES512', generateKeyPairSync('ec', { namedCurve: 'P-521' })],
    ['EdDSA', generateKeyPairSync('ed25519')],
  ] as const) {
    const pem = pair.publicKey.export({ type: 'spki', format: 'pem' }).toString()
    const policy = build({ key: 'env:KEY' }, { env: { KEY: pem } })
    assert.equal(
      (await present(policy, bearer(await sign({}, pair.privateKey, { alg })))).verdict,
      'pass',
      alg,
    )
  }
})

test('a set of keys: the kid chooses, without one each is tried, an unknown one is refused', async () => {
  const [first, second] = [rsa, other].map(({ publicKey }, i) => ({
    ...publicKey.export({ format: 'jwk' }),
    kid: `k${i}`,
  }))
  const policy = build({ key: 'env:SET' }, { env: { SET: JSON.stringify({ keys: [first, second] }) } })
  assert.equal(
    (await present(policy, bearer(await sign({}, other.privateKey, { kid: 'k1' })))).verdict,
    'pass',
  )
  assert.equal((await present(policy, bearer(await sign({}, other.privateKey)))).verdict, 'pass')
  const wrong = await present(policy, bearer(await sign({}, other.privateKey, { kid: 'k0' })))
  assertDenied(wrong, 'token_invalid', /signature/)
  const unknown = await present(policy, bearer(await sign({}, other.privateKey, { kid: '__proto__' })))
  assertDenied(unknown, 'token_invalid', /no applicable key/)
  const stranger = generateKeyPairSync('rsa', { modulusLength: 2048 })
  assertDenied(
    await present(policy, bearer(await sign({}, stranger.privateKey))),
    'token_invalid',
    /signature/,
  )
})

test('a claim may have to be a part of the path: the token of another user is refused', async () => {
  const policy = build({ require: { desktop: ':key' } }, { paramNames: ['key'] })
  const headers = bearer(await sign({ desktop: 'alice-ubuntu' }))
  assert.equal((await present(policy, headers, { params: { key: 'alice-ubuntu' } })).verdict, 'pass')
  assertDenied(
    await present(policy, headers, { params: { key: 'bob-ubuntu' } }),
    'claim_denied',
    /"bob-ubuntu"/,
  )
  assertDenied(await present(policy, headers, { params: {} }), 'claim_denied', /desktop/)
  const absent = bearer(await sign({}))
  assertDenied(await present(policy, absent, { params: {} }), 'claim_denied', /desktop/)
  assertDenied(await present(policy, absent, { params: { key: 'undefined' } }), 'claim_denied', /desktop/)
  const many = bearer(await sign({ desktop: ['alice-ubuntu', 'alice-kali'] }))
  assert.equal((await present(policy, many, { params: { key: 'alice-kali' } })).verdict, 'pass')
  const number = bearer(await sign({ desktop: 7 }))
  assert.equal((await present(policy, number, { params: { key: '7' } })).verdict, 'pass')
})

test('two different cookies of the name are refused, though either may be good', async () => {
  const [mine, theirs] = [await sign({}), await sign({ sub: 'bob' })]
  const policy = build({ cookie: 'session' })
  const verdict = await present(policy, ['Cookie', `session=${mine}; session=${theirs}`])
  assertDenied(verdict, 'token_invalid', /two different cookies/)
})

test('who presents two tokens must be right with both, and be one user', async () => {
  const policy = build({ cookie: 'session' })
  const [mine, alsoMine] = [await sign({}), await sign({ jti: '2' })]
  assert.equal((await present(policy, [...bearer(mine), 'Cookie', `session=${alsoMine}`])).verdict, 'pass')
  const expired = await present(policy, [
    ...bearer(mine),
    'Cookie',
    `session=${await sign({ exp: now - 60 })}`,
  ])
  assertDenied(expired, 'token_expired', /expired/)
  const forged = forge({ alg: 'none' }, { sub: 'root', exp: now + 600 }, hmacWith('x'))
  assertDenied(
    await present(policy, [...bearer(mine), 'Cookie', `session=${forged}`]),
    'token_invalid',
    /alg/i,
  )
  const mixed = await present(policy, [...bearer(mine), 'Cookie', `session=${await sign({ sub: 'bob' })}`])
  assertDenied(mixed, 'token_invalid', /^tokens of two users$/)
})

test('clocks may differ by the tolerance and no more', async () => {
  const policy = build({ clockTolerance: '30s' })
  assert.equal((await present(policy, bearer(await sign({ exp: now - 20 })))).verdict, 'pass')
  assertDenied(await present(policy, bearer(await sign({ exp: now - 40 }))), 'token_expired', /expired/)
})

test('a verified token is remembered, but never past its end', async (t) => {
  t.mock.timers.enable({ apis: ['Date'], now: now * 1000 })
  const policy = build({ clockTolerance: '5s' })
  const facts = sampleFacts({ headers: bearer(await sign({ exp: now + 60 })) })
  await policy.decide?.(facts)
  assert.ok(!(policy.decide?.(facts) instanceof Promise))
  assert.equal((await decide(policy, facts)).verdict, 'pass')
  t.mock.timers.setTime((now + 64) * 1000)
  assert.ok(!(policy.decide?.(facts) instanceof Promise))
  assert.equal((await decide(policy, facts)).verdict, 'pass')
  t.mock.timers.setTime((now + 65) * 1000)
  assertDenied(await decide(policy, facts), 'token_expired', /expired/)
})

test('a key file that changes takes its tokens along; a broken one is told and changes nothing', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'jwt-'))
  t.after(() => rmSync(folder, { recursive: true }))
  const put = (content: string): void => {
    writeFileSync(join(folder, 'new'), content)
    renameSync(join(folder, 'new'), join(folder, 'key'))
  }
  put(secret)
  const told: string[] = []
  const policy = build({ key: 'key' }, { folder, onBackgroundError: (message) => told.push(message) })
  const facts = sampleFacts({ headers: bearer(await sign({})) })
  assert.equal((await decide(policy, facts)).verdict, 'pass')
  put('short')
  await until(async () => (await decide(policy, facts)) !== undefined && told.length > 0)
  assert.match(told[0] ?? '', /^key: is a key too short: 5 bytes/)
  assert.equal((await decide(policy, facts)).verdict, 'pass')
  put('another secret that is long enough, which it has to be')
  await until(async () => (await decide(policy, facts)).verdict === 'deny')
})

test('who is put out is out, by the id of the token or of the session, though it was good a moment ago', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'jwt-'))
  t.after(() => rmSync(folder, { recursive: true }))
  const put = (content: string): void => {
    writeFileSync(join(folder, 'new'), content)
    renameSync(join(folder, 'new'), join(folder, 'out'))
  }
  const policy = build({ cookie: 'session', revoked: 'out' }, { folder, onBackgroundError() {} })
  const token = await sign({ jti: 'token-1', sid: 'session-1' })
  const beside = await sign({ jti: 'token-2', sid: 'session-1' })
  const other = await sign({ jti: 'token-3', sid: 'session-2' })
  const none = await sign({ sid: 7 as never })
  const verdicts = async () => {
    const found: string[] = []
    for (const text of [token, beside, other, none]) {
      found.push((await present(policy, bearer(text))).verdict)
      assert.equal((await present(policy, ['Cookie', `session=${text}`])).verdict, found.at(-1))
    }
    return found.join(' ')
  }
  // There is no file yet, and nobody is out.
  assert.equal(await verdicts(), 'pass pass pass pass')
  put('token-2 # lost\n')
  await until(async () => (await verdicts()) === 'pass deny pass pass')
  put('# all of a session\n session-1\n')
  await until(async () => (await verdicts()) === 'deny deny pass pass')
  assertDenied(await present(policy, bearer(token)), 'token_invalid', /^revoked$/)
  // Whoever removes the file lets nobody in again.
  rmSync(join(folder, 'out'))
  await wait(600)
  assert.equal(await verdicts(), 'deny deny pass pass')
})

test('a subprotocol token stops here, and the browser has a protocol to hold on to', async () => {
  const policy = build({ subprotocol: true })
  const alone = sampleUpgrade({ headers: ['Sec-WebSocket-Protocol', `bearer, ${await sign({})}`] })
  const verdict = await decide(policy, alone)
  assert.ok(verdict.verdict === 'pass' && verdict.user === 'alice')
  assert.deepEqual(verdict.responseHeaders, [['sec-websocket-protocol', 'bearer']])
  const sent = ['Host', 'x', 'Sec-WebSocket-Protocol', 'bearer, aaa.bbb.ccc']
  policy.editRequest?.(alone, sent)
  assert.deepEqual(sent, ['Host', 'x'])
})

test('beside other subprotocols the upstream selects, and where it selects none, we do', async () => {
  const policy = build({ subprotocol: true })
  const facts = sampleUpgrade({ headers: ['Sec-WebSocket-Protocol', `chat, bearer, ${await sign({})}`] })
  const verdict = await decide(policy, facts)
  assert.ok(verdict.verdict === 'pass' && verdict.responseHeaders === undefined)
  const heads = [
    sampleHead({}, 101),
    sampleHead({ 'sec-websocket-protocol': 'chat' }, 101),
    sampleHead({}, 404),
  ]
  for (const head of heads) policy.editResponse?.(facts, head)
  assert.deepEqual(
    heads.map((head) => head.headers['sec-websocket-protocol']),
    ['bearer', 'chat', undefined],
  )
  const without = sampleHead({}, 101)
  policy.editResponse?.(sampleUpgrade({ headers: ['Sec-WebSocket-Protocol', 'chat'] }), without)
  assert.deepEqual({ ...without.headers }, {})
})

test('a bad token among the subprotocols is refused like any other', async () => {
  const policy = build({ subprotocol: true })
  const offer = async (token: string): Promise<Verdict> =>
    decide(policy, sampleUpgrade({ headers: ['Sec-WebSocket-Protocol', `bearer, ${token}`] }))
  assertDenied(await offer(await sign({ exp: now - 60 })), 'token_expired', /expired/)
  assertDenied(await offer('chat'), 'token_invalid', /not of the form/)
})

const page: SampleFacts = {
  headers: ['Accept', 'text/html,*/*;q=0.8'],
  path: '/desktop/a b',
  query: '?x=1&y=2',
}
const logins: readonly [what: string, options: object, facts: Facts, location: string | undefined][] = [
  ['a page', {}, sampleFacts(page), '/login?next=%2Fdesktop%2Fa%20b%3Fx%3D1%26y%3D2'],
  [
    'a page with a bad token',
    {},
    sampleFacts({ ...page, headers: ['Accept', 'text/html', ...bearer('x')] }),
    '/login?next=%2Fdesktop%2Fa%20b%3Fx%3D1%26y%3D2',
  ],
  [
    'a login address of its own query',
    { login: '/in?a=1' },
    sampleFacts({ ...page, query: '' }),
    '/in?a=1&next=%2Fdesktop%2Fa%20b',
  ],
  [
    'a login on another site',
    { login: 'https://id.example/in' },
    sampleFacts({ ...page, query: '' }),
    'https://id.example/in?next=%2Fdesktop%2Fa%20b',
  ],
  [
    'a path that reads like another site',
    {},
    sampleFacts({ ...page, path: '//evil.example/', query: '' }),
    '/login?next=%2Fevil.example%2F',
  ],
  [
    'a long query',
    {},
    sampleFacts({ ...page, query: `?${'x'.repeat(3000)}` }),
    '/login?next=%2Fdesktop%2Fa%20b',
  ],
  ['the login page itself', {}, sampleFacts({ ...page, path: '/login' }), undefined],
  ['a program', {}, sampleFacts({ ...page, headers: ['Accept', 'application/json'] }), undefined],
  ['a form that is sent', {}, sampleFacts({ ...page, method: 'POST' }), undefined],
  ['a handshake', {}, sampleUpgrade({ path: '/x', headers: ['Accept', 'text/html'] }), undefined],
  ['an observed route', { mode: 'observe' }, sampleFacts(page), undefined],
]
for (const [what, options, facts, location] of logins) {
  test(`${what} is ${location === undefined ? 'refused with 401' : 'sent to sign in and back'}`, async () => {
    const verdict = await decide(build({ login: '/login', ...options }), facts)
    if (location === undefined) return assert.equal(verdict.verdict, 'deny')
    assert.ok(verdict.verdict === 'answer')
    assert.equal(verdict.status, 302)
    assert.deepEqual(verdict.headers, [
      ['location', location],
      ['cache-control', 'no-store'],
    ])
  })
}

test('a token that is good but does not allow this is no reason to sign in again', async () => {
  const policy = build({ login: '/login', require: { role: 'admin' } })
  const headers = ['Accept', 'text/html', ...bearer(await sign({ role: 'user' }))]
  assertDenied(await decide(policy, sampleFacts({ headers })), 'claim_denied', /role/)
})

const refusedOptions: readonly [what: string, written: object, message: RegExp][] = [
  [
    'an empty variable',
    { key: 'env:NONE' },
    /^env:NONE: there is no such environment variable, or it is empty$/,
  ],
  ['a missing file', { key: 'none.pem' }, /none\.pem cannot be read: there is no such file/],
  ['a short secret', { key: 'env:SHORT' }, /^env:SHORT: is a key too short: 9 bytes/],
  [
    'HS256 with a public key',
    { key: 'env:PUBLIC', algorithms: ['HS256', 'RS256'] },
    /HS256 does not fit the key/,
  ],
  ['HS512 with a secret for HS256', { key: 'env:MEDIUM', algorithms: ['HS512'] }, /HS512 does not fit/],
  ['RS256 with a secret', { algorithms: ['RS256'] }, /RS256 does not fit the key/],
  [
    'HS256 with fetched keys',
    { key: undefined, jwks: 'http://127.0.0.1:1/', algorithms: ['HS256'] },
    /HS256 does not fit/,
  ],
  [
    'a parameter that the path lacks',
    { require: { desktop: ':key' } },
    /^require\.desktop: the path of this route has no ":key"$/,
  ],
  ['a login that is another site', { login: '//evil.example' }, /is neither a path/],
  ['a login with a line break', { login: '/login\r\nX: y' }, /is neither a path/],
]
for (const [what, written, message] of refusedOptions) {
  test(`${what} is refused when the route is built`, () => {
    const context = { env: { ...env, SHORT: 'too short', MEDIUM: 'x'.repeat(40) } }
    assert.throws(() => build(written, context), { message })
  })
}

async function until(holds: () => Promise<boolean>): Promise<void> {
  for (let i = 0; i < 250; i++) {
    if (await holds()) return
    await wait(20)
  }
  assert.fail('did not come about within five seconds')
}
