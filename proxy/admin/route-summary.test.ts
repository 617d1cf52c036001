import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import type { Route } from '../request/match/route.ts'
import { summariseRoute } from './route-summary.ts'

/** The parts of a route that a summary reads. */
function routeOf(config: object, destination: object = { kind: 'files', root: '/srv/site' }): Route {
  return {
    name: 'photos-api',
    rule: 'routes.yaml:42',
    listeners: new Set(['https']),
    methods: new Set(['GET']),
    destination,
    config: {
      match: { host: ['photos.localhost'], path: ['/api'], exact: false },
      middleware: [],
      policies: { extensions: [] },
      ...config,
    },
  } as unknown as Route
}

const upstream = (targets: object[], leased = false) => ({
  name: 'photos',
  config: { leased },
  targets: () => targets,
})
const target = (text: string, awayUntil = 0) => ({
  address: { text },
  draining: false,
  health: 'well',
  awayUntil,
  inFlight: 2,
})

test('says what a route matches, who may pass, and where it goes', () => {
  const policies = {
    allow: { networks: ['10.0.0.0/8'], mode: 'observe' },
    maxBody: { size: 10, mode: 'enforce' },
    extensions: [],
  }
  const middleware = [{ use: 'legacy', options: { secret: 'S3CRET' } }]
  assert.deepEqual(summariseRoute(routeOf({ policies, middleware, files: { root: 'site' } })), {
    name: 'photos-api',
    rule: 'routes.yaml:42',
    listeners: ['https'],
    hosts: ['photos.localhost'],
    paths: ['/api'],
    exact: false,
    methods: ['GET'],
    policies: [
      { name: 'allow', mode: 'observe', options: { networks: ['10.0.0.0/8'] } },
      { name: 'maxBody', mode: 'enforce', options: { size: 10 } },
    ],
    middleware: ['legacy'],
    destination: { kind: 'files', root: 'site' },
    available: true,
  })
})

suite('whether anybody is there', () => {
  const now = 1_000_000
  const cases: [string, object, boolean][] = [
    ['a target that is well', { kind: 'upstream', upstream: upstream([target('http://a')]) }, true],
    [
      'one that is away, one that is well',
      { kind: 'upstream', upstream: upstream([target('http://a', now + 1), target('http://b')]) },
      true,
    ],
    ['all away', { kind: 'upstream', upstream: upstream([target('http://a', now + 1)]) }, false],
    ['nobody announced', { kind: 'upstream', upstream: upstream([], true) }, false],
    [
      'keyed: it depends on the key',
      { kind: 'upstream', upstream: upstream([], true), keyParam: 'key' },
      true,
    ],
    ['closed', { kind: 'closed', reason: 'extension x failed to load' }, false],
    ['a redirect', { kind: 'redirect', status: 308 }, true],
  ]
  for (const [name, destination, available] of cases)
    test(name, () => {
      const summary = summariseRoute(routeOf({ redirect: { location: '/' } }, destination), now)
      assert.equal(summary.available, available)
      assert.equal(summary.destination.kind, (destination as { kind: string }).kind)
    })

  test('targets are named, with what is under way', () => {
    const { destination } = summariseRoute(
      routeOf({}, { kind: 'upstream', upstream: upstream([target('http://me:S3CRET@a:1', now + 1)]) }),
      now,
    )
    assert.deepEqual(destination.kind === 'upstream' && destination.targets, [
      { address: 'http://REDACTED@a:1', well: false, inFlight: 2 },
    ])
  })
})

suite('no secret is told', () => {
  const cases: [string, object][] = [
    [
      'a field sent to the upstream',
      {
        headers: {
          request: { set: { 'X-Whatever': 'S3CRET' }, add: { Other: 'S3CRET' }, remove: [] },
          response: {},
          mode: 'enforce',
        },
      },
    ],
    [
      'a cookie in a response',
      { headers: { response: { set: { 'Set-Cookie': 'a=S3CRET' } }, mode: 'enforce' } },
    ],
    ['a key', { jwt: { key: 'S3CRET', algorithms: ['HS256'], mode: 'enforce' } }],
    ['a URL with a password', { forwardAuth: { url: 'http://me:S3CRET@auth.local/check', mode: 'enforce' } }],
    ['a URL with a token', { jwt: { jwks: 'https://auth.local/jwks?token=S3CRET', mode: 'enforce' } }],
    [
      'an option of an extension',
      { extensions: [{ name: 'geo', options: { licence: 'S3CRET', mode: 'observe' } }] },
    ],
  ]
  for (const [name, policies] of cases)
    test(name, () => {
      const summary = summariseRoute(routeOf({ policies: { extensions: [], ...policies } }))
      assert.ok(!JSON.stringify(summary).includes('S3CRET'), JSON.stringify(summary))
      assert.equal(summary.policies.length, 1)
    })

  test('and names of fields, and what is no secret, stay', () => {
    const { policies } = summariseRoute(
      routeOf({
        policies: {
          extensions: [{ name: 'geo', options: { mode: 'observe' } }],
          headers: {
            request: { set: { 'X-Key': 'v' }, add: {}, remove: ['Via'] },
            response: { set: { 'X-Frame': 'deny' } },
            mode: 'enforce',
          },
        },
      }),
    )
    assert.deepEqual(JSON.parse(JSON.stringify(policies)), [
      {
        name: 'headers',
        mode: 'enforce',
        options: {
          response: { set: { 'X-Frame': 'deny' } },
          request: { set: { 'X-Key': 'REDACTED' }, add: {}, remove: ['Via'] },
        },
      },
      { name: 'geo', mode: 'observe' },
    ])
  })
})
