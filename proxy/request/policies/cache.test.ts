import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type SampleFacts, sampleFacts } from '../../../test/harness/facts.ts'
import { readOptions, sampleContext, sampleHead } from '../../../test/harness/policies.ts'
import type { RoutePolicies } from '../../config/loaded.ts'
import { cache } from './cache.ts'

const build = (
  written: object,
  paths = ['/'],
  policies: RoutePolicies = { extensions: [] },
  hasMiddleware = false,
) => cache(readOptions('cache', written), sampleContext({ paths, policies, hasMiddleware }))

const hour = build({ rules: [{ maxAge: '1h' }] })

function control(policy = hour, facts: SampleFacts = {}, head = sampleHead()) {
  policy.editResponse?.(sampleFacts(facts), head)
  return head.headers['cache-control']
}

test('a rule sets Cache-Control and Expires, which agree', (t) => {
  t.mock.timers.enable({ apis: ['Date'], now: Date.UTC(2026, 0, 1, 12) })
  const head = sampleHead({ pragma: 'no-cache' })
  build({ rules: [{ maxAge: '1h', immutable: true }], override: true }).editResponse?.(sampleFacts(), head)
  assert.deepEqual(
    { ...head.headers },
    { 'cache-control': 'public, max-age=3600, immutable', expires: 'Thu, 01 Jan 2026 13:00:00 GMT' },
  )
})

for (const status of [200, 203, 206, 301, 304]) {
  test(`a ${status} may be kept`, () => {
    assert.equal(control(hour, {}, sampleHead({}, status)), 'public, max-age=3600')
  })
}
for (const status of [201, 204, 302, 307, 401, 403, 404, 500, 503]) {
  test(`a ${status} is left alone`, () => {
    assert.equal(control(hour, {}, sampleHead({}, status)), undefined)
  })
}

test('HEAD is as GET, and nothing else is kept', () => {
  assert.equal(control(hour, { method: 'HEAD' }), 'public, max-age=3600')
  assert.equal(control(hour, { method: 'POST' }), undefined)
})

const staticFiles = build(
  {
    rules: [
      { path: '/open/assets', extensions: ['js', 'CSS'], maxAge: '365d' },
      { path: '/open/assets', maxAge: '1m' },
      { path: '/open/:who/photo', maxAge: '5m' },
    ],
  },
  ['/open'],
)
const rows: [path: string, control: string | undefined][] = [
  ['/open/assets/a.js', 'public, max-age=31536000'],
  ['/open/assets/A.JS', 'public, max-age=31536000'],
  ['/open/assets/deep/a.css', 'public, max-age=31536000'],
  ['/open/assets/a.js.map', 'public, max-age=60'],
  ['/open/assets', 'public, max-age=60'],
  ['/open/assets.js', undefined],
  ['/open/assetsx/a.js', undefined],
  ['/open/ann/photo', 'public, max-age=300'],
  ['/open/photo', undefined],
  ['/open', undefined],
]
for (const [path, expected] of rows) {
  test(`the first rule that fits ${path} says ${expected ?? 'nothing'}`, () => {
    assert.equal(control(staticFiles, { path }), expected)
  })
}

for (const field of ['cache-control', 'expires', 'pragma']) {
  test(`an upstream that says ${field} keeps its word, unless overridden`, () => {
    assert.notEqual(control(hour, {}, sampleHead({ [field]: 'no-cache' })), 'public, max-age=3600')
    const overriding = build({ rules: [{ maxAge: '1h' }], override: true })
    assert.equal(control(overriding, {}, sampleHead({ [field]: 'no-cache' })), 'public, max-age=3600')
  })
}

test('what sets a cookie, or was asked for with credentials, is for one person', () => {
  assert.equal(control(hour, {}, sampleHead({ 'set-cookie': ['a=1'] })), 'private, max-age=3600')
  assert.equal(control(hour, { headers: { authorization: 'Bearer x' } }), 'private, max-age=3600')
  const clientCertificate = { subject: 'CN=ann', fingerprint: 'AA', serial: '1' }
  assert.equal(control(hour, { clientCertificate }), 'private, max-age=3600')
  assert.equal(control(build({ rules: [{ maxAge: '1h', visibility: 'private' }] })), 'private, max-age=3600')
})

const guards: [name: string, policies: RoutePolicies][] = [
  ['allow', { allow: readOptions('allow', ['10.0.0.0/8']), extensions: [] }],
  ['basicAuth', { basicAuth: readOptions('basicAuth', { users: 'x' }), extensions: [] }],
  ['jwt', { jwt: readOptions('jwt', { key: 'x' }), extensions: [] }],
  ['forwardAuth', { forwardAuth: readOptions('forwardAuth', { url: 'http://a.test/' }), extensions: [] }],
  ['an extension', { extensions: [{ name: 'own', options: undefined }] }],
]
for (const [name, policies] of guards) {
  test(`beside ${name} a shared cache keeps nothing`, () => {
    assert.equal(control(build({ rules: [{ maxAge: '1h' }] }, ['/'], policies)), 'private, max-age=3600')
  })
}

// Sessions of Express set their cookie when the head is written, where no policy sees it any more.
test('beside middleware a shared cache keeps nothing', () => {
  const policy = build({ rules: [{ maxAge: '1h' }] }, ['/'], { extensions: [] }, true)
  assert.equal(control(policy), 'private, max-age=3600')
})

const places: [path: string, routes: string[], fits: boolean][] = [
  ['/uploads', ['/api', '/uploads'], true],
  ['/uploads/small', ['/uploads'], true],
  ['/', ['/uploads'], true],
  ['/desktop/ann/static', ['/desktop/:key'], true],
  ['/assets', ['/open'], false],
  ['/openx', ['/open'], false],
]
for (const [path, routes, fits] of places) {
  test(`a rule for ${path} is ${fits ? 'taken' : 'refused'} on a route of ${routes}`, () => {
    const building = () => build({ rules: [{ path, maxAge: '1h' }] }, routes)
    if (fits) return assert.doesNotThrow(building)
    assert.throws(building, {
      message: `rules[0].path "${path}" is no part of this route, which serves ${routes}; write the path whole`,
    })
  })
}
