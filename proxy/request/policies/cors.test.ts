import assert from 'node:assert/strict'
import { test } from 'node:test'
import { sampleFacts } from '../../../test/harness/facts.ts'
import { readOptions, sampleHead, sampleUpgrade } from '../../../test/harness/policies.ts'
import { cors } from './cors.ts'
import type { Answer } from './policy.ts'

const build = (written: object) => cors(readOptions('cors', written))
const preflight = (origin: string, ...more: string[]) =>
  sampleFacts({
    method: 'OPTIONS',
    headers: ['Origin', origin, 'Access-Control-Request-Method', 'PUT', ...more],
  })

const refused: [why: string, options: object, message: RegExp][] = [
  ['credentials for everybody', { origins: ['*'], credentials: true }, /"\*" cannot have credentials/],
  ['the origin null', { origins: ['null'] }, /"null" is not an origin/],
  ['a path', { origins: ['https://a.test/'] }, /"https:\/\/a\.test\/" is not an origin/],
  ['a bare host', { origins: ['a.test'] }, /is not an origin/],
  ['a star inside a label', { origins: ['https://app-*.a.test'] }, /is not an origin/],
  ['capitals', { origins: ['https://A.test'] }, /is not an origin/],
  ['a default port', { origins: ['https://a.test:443'] }, /names the default port/],
  ['a field with a blank', { origins: ['*'], expose: ['x y'] }, /"x y" is not a name/],
]
for (const [why, options, message] of refused) {
  test(`${why} is refused when the route is built`, () => {
    // Past the schema, which refuses some of these by itself.
    const some = readOptions('cors', { origins: ['https://app.test'] })
    assert.throws(() => cors({ ...some, ...options }), { message })
  })
}

const origins: [listed: string, origin: string, allowed: boolean][] = [
  ['https://app.test', 'https://app.test', true],
  ['https://app.test', 'http://app.test', false],
  ['https://app.test', 'https://app.test:8443', false],
  ['https://app.test', 'https://app.test.evil.test', false],
  ['https://app.test', 'https://evil-app.test', false],
  ['https://app.test', 'null', false],
  ['https://*.app.test', 'https://one.app.test', true],
  ['https://*.app.test', 'https://app.test', false],
  ['https://*.app.test', 'https://a.b.app.test', false],
  ['https://*.app.test', 'https://.app.test', false],
  ['https://*.app.test', 'https://evil.test/.app.test', false],
  ['https://*.app.test', 'https://one.app.test.evil.test', false],
  ['https://*.app.test:8443', 'https://one.app.test:8443', true],
  ['https://*.app.test:8443', 'https://one.app.test', false],
  ['capacitor://localhost', 'capacitor://localhost', true],
  ['*', 'https://anybody.test', true],
  ['*', 'null', true],
]
for (const [listed, origin, allowed] of origins) {
  const policy = build({ origins: [listed] })
  test(`${origin} is ${allowed ? 'allowed' : 'foreign'} where ${listed} is listed`, () => {
    const named = listed === '*' ? '*' : origin
    const head = sampleHead()
    policy.editResponse?.(sampleFacts({ headers: { origin } }), head)
    assert.equal(head.headers['access-control-allow-origin'], allowed ? named : undefined)
    assert.equal(head.headers.vary, 'Origin')

    const answer = policy.decide?.(preflight(origin))
    assert.partialDeepStrictEqual(answer, { verdict: 'answer', status: 204 })
    const fields = new Map((answer as Answer).headers)
    assert.equal(fields.get('access-control-allow-origin'), allowed ? named : undefined)
    assert.equal(fields.has('access-control-allow-methods'), allowed)

    const verdict = policy.decide?.(sampleUpgrade({ headers: ['Origin', origin] }))
    if (allowed) assert.deepEqual(verdict, { verdict: 'pass' })
    else {
      assert.deepEqual(verdict, {
        verdict: 'deny',
        code: 'policy_denied',
        reason: `WebSocket from the foreign origin ${origin}`,
      })
    }
  })
}

test('a preflight grants what is listed, and varies with all that it was asked', () => {
  const policy = build({
    origins: ['https://app.test'],
    methods: ['get', 'put'],
    headers: ['X-Token'],
    credentials: true,
    maxAge: '1h',
  })
  const asked = preflight('https://app.test', 'Access-Control-Request-Headers', 'x-other')
  assert.deepEqual(policy.decide?.(asked), {
    verdict: 'answer',
    status: 204,
    reason: 'preflight granted to https://app.test',
    headers: [
      ['vary', 'Origin, Access-Control-Request-Method, Access-Control-Request-Headers'],
      ['access-control-allow-origin', 'https://app.test'],
      ['access-control-allow-credentials', 'true'],
      ['access-control-allow-methods', 'GET, PUT'],
      ['access-control-max-age', '3600'],
      ['access-control-allow-headers', 'X-Token'],
    ],
  })
})

test('without a list of fields a preflight grants those that were asked for', () => {
  const asked = preflight('https://app.test', 'Access-Control-Request-Headers', 'x-one, x-two')
  const answer = build({ origins: ['https://app.test'] }).decide?.(asked) as Answer
  assert.equal(new Map(answer.headers).get('access-control-allow-headers'), 'x-one, x-two')
})

test('the answer to a preflight is not edited again on its way out', () => {
  const policy = build({ origins: ['https://app.test'] })
  const head = sampleHead({ 'access-control-allow-methods': 'GET', vary: 'Origin' }, 204)
  policy.editResponse?.(preflight('https://app.test'), head)
  assert.deepEqual({ ...head.headers }, { 'access-control-allow-methods': 'GET', vary: 'Origin' })
})

test('a plain request passes whatever its origin, and so does an OPTIONS that is no preflight', () => {
  const policy = build({ origins: ['https://app.test'] })
  for (const method of ['GET', 'POST', 'OPTIONS'])
    assert.deepEqual(policy.decide?.(sampleFacts({ method, headers: { origin: 'https://evil.test' } })), {
      verdict: 'pass',
    })
})

test('what the upstream says of origins is replaced; what it varies with is kept', () => {
  const policy = build({ origins: ['https://app.test'], expose: ['X-Total'], credentials: true })
  const upstreams = {
    'access-control-allow-origin': '*',
    'access-control-allow-private-network': 'true',
    'content-type': 'text/plain',
    vary: ['Accept', 'Cookie'],
  }
  const allowed = sampleHead(upstreams)
  policy.editResponse?.(sampleFacts({ headers: { origin: 'https://app.test' } }), allowed)
  assert.deepEqual(
    { ...allowed.headers },
    {
      'content-type': 'text/plain',
      vary: 'Accept, Cookie, Origin',
      'access-control-allow-origin': 'https://app.test',
      'access-control-allow-credentials': 'true',
      'access-control-expose-headers': 'X-Total',
    },
  )
  const foreign = sampleHead(upstreams)
  policy.editResponse?.(sampleFacts({ headers: { origin: 'https://evil.test' } }), foreign)
  assert.deepEqual({ ...foreign.headers }, { 'content-type': 'text/plain', vary: 'Accept, Cookie, Origin' })
})

for (const vary of ['*', 'origin', 'Accept, Origin']) {
  test(`Vary: ${vary} already says so`, () => {
    const head = sampleHead({ vary })
    build({ origins: ['*'] }).editResponse?.(sampleFacts(), head)
    assert.equal(head.headers.vary, vary)
  })
}

const sameSite: [what: string, origin: string, facts: object, passes: boolean][] = [
  ['the host itself', 'https://a.test', {}, true],
  ['the host on another port', 'https://a.test:9443', {}, true],
  ['the host over http, on a plain listener', 'http://a.test', { secure: false }, true],
  ['a page of https, behind a proxy that speaks http to us', 'https://a.test', { secure: false }, true],
  ['a page that anybody on the wire could have written', 'http://a.test', {}, false],
  ['a subdomain', 'https://x.a.test', {}, false],
  ['a host that begins alike', 'https://a.test.evil.test', {}, false],
  ['userinfo that looks like the host', 'https://a.test@evil.test', {}, false],
  ['an IPv6 host', 'https://[::1]:8443', { host: '[::1]' }, true],
]
for (const [what, origin, facts, passes] of sameSite) {
  test(`a WebSocket from ${what} (${origin}) ${passes ? 'passes' : 'is refused'}`, () => {
    const policy = build({ origins: ['https://app.test'] })
    const verdict = policy.decide?.(sampleUpgrade({ host: 'a.test', ...facts, headers: ['Origin', origin] }))
    assert.partialDeepStrictEqual(verdict, { verdict: passes ? 'pass' : 'deny' })
  })
}

// The fault: an upstream with 60 kB of blanks in Vary. To look for the comma behind them from each of them took twelve seconds.
test('a Vary of nothing but blanks costs no time', () => {
  const vary = `a${' '.repeat(60_000)}b`
  const head = sampleHead({ vary })
  const began = performance.now()
  build({ origins: ['https://app.test'] }).editResponse?.(sampleFacts(), head)
  assert.ok(performance.now() - began < 1_000)
  assert.equal(head.headers.vary, `${vary}, Origin`)
})

test('a WebSocket without an origin comes from no browser and passes', () => {
  assert.deepEqual(build({ origins: ['https://app.test'] }).decide?.(sampleUpgrade()), { verdict: 'pass' })
})

test('of two Origin fields the upstream might believe the other one, so neither is believed', () => {
  const headers = ['Origin', 'https://app.test', 'Origin', 'https://evil.test']
  const verdict = build({ origins: ['https://app.test'] }).decide?.(sampleUpgrade({ headers }))
  assert.partialDeepStrictEqual(verdict, { verdict: 'deny' })
})

test('observe mode reports foreign WebSockets, and answers and edits nothing', () => {
  const policy = build({ origins: ['https://app.test'], mode: 'observe' })
  const foreign = policy.decide?.(sampleUpgrade({ headers: ['Origin', 'https://evil.test'] }))
  assert.partialDeepStrictEqual(foreign, { verdict: 'deny' })
  assert.deepEqual(policy.decide?.(preflight('https://app.test')), { verdict: 'pass' })
  assert.equal(policy.editResponse, undefined)
})
