/**
 * One path, one reading.
 *
 * Attack: a rule for `/shut` is walked around with a path that the proxy takes for another and the upstream for
 * `/shut`: doubled slashes, dot segments, encodings, `;` parameters, a backslash. Engines make it worse by
 * rewriting the path after the rule has been asked.
 *
 * Right: the path is read once; what is decided on is what is sent, byte for byte; what two readers could take
 * differently is 400. All of it for requests and upgrades alike.
 */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { rawRequest } from '../harness/raw-request.ts'
import { upgradeHead } from '../harness/websocket.ts'
import { arrivals, doors, finalHead, knock, openScene, servesTheNext, startEcho } from './scene.ts'

const shut =
  '{ name: shut, listeners: [http, https], match: { path: /shut }, policies: { deny: ["0.0.0.0/0", "::/0"] }, to: app }'

/** A target, and what becomes of it: a status of ours, or the path that the upstream is asked for. */
const targets: [sent: string, outcome: number | string][] = [
  ['/open', '/open'],
  ['//open', '/open'],
  ['/./open', '/open'],
  ['/x/../open', '/open'],
  ['/x/%2e%2e/open', '/open'],
  ['/%6fpen', '/open'],
  ['/open?', '/open?'],
  ['/open?a=/../shut', '/open?a=/../shut'],
  ['/open;p=1', '/open;p=1'],
  ['/open%20x', '/open%20x'],
  ['/open%e2%82%ac', '/open%E2%82%AC'],
  ['/Shut', '/Shut'],
  ['/shutter', '/shutter'],
  ['/shut', 403],
  ['/shut/', 403],
  ['/shut/x', 403],
  ['/shut?', 403],
  ['/shut?x', 403],
  ['//shut', 403],
  ['///shut//', 403],
  ['/./shut', 403],
  ['/shut/.', 403],
  ['/shut/..', '/'],
  ['/x/../shut', 403],
  ['/x/%2e%2e/shut', 403],
  ['/x/.%2E/shut', 403],
  ['/%2e/shut', 403],
  ['/%73hut', 403],
  ['/shut%2', 400],
  ['/x/..;/shut', 400],
  ['/..;/shut', 400],
  ['/;/shut', 400],
  ['/.;x/shut', 400],
  ['/shut;p=1', 400],
  ['/%2e%2e/shut', 400],
  ['/../shut', 400],
  ['/x/../../shut', 400],
  ['/%2fshut', 400],
  ['/x%2f..%2fshut', 400],
  ['/%5cshut', 400],
  ['/\\shut', 400],
  ['/x\\..\\shut', 400],
  ['/shut%00', 400],
  ['/%00/shut', 400],
  ['/x%0d%0aX:%20y', 400],
  ['/x%0a', 400],
  ['/%', 400],
  ['/%zz', 400],
  ['/%u0073hut', 400],
  ['/%2573hut', 400],
  ['/%252e%252e/shut', 400],
  ['/%c0%afshut', 400],
  ['/%c0%ae%c0%ae/shut', 400],
  ['/%e0%80%af', 400],
  ['/%ed%a0%80', 400],
  ['/%ef%bc%8fshut', 400],
  ['/x/%ef%bc%8e%ef%bc%8e/shut', 400],
  ['/%ff', 400],
  ['/\xe9', 400],
  ['/x#y', 400],
  ['/x?y#z', 400],
  ['/x?\xe9', 400],
  ['*', 400],
  ['x', 400],
]

for (const door of doors) {
  describe(`over ${door}`, () => {
    const fine = door === 'upgrade' ? 101 : 200

    test('each path reaches the upstream as it was decided on, or not at all', async (t) => {
      const upstream = await startEcho(t)
      const scene = await openScene(t, upstream.url, { routes: [shut] })
      const outcomes: typeof targets = []
      for (const [path] of targets) {
        upstream.requests.length = 0
        const status = await knock(t, scene, door, { path })
        // What HTTP/2 itself forbids ends the stream without a status.
        outcomes.push([path, status === fine ? (upstream.requests[0]?.url ?? 'nothing') : status || 400])
        if (status !== fine) assert.deepEqual(arrivals(upstream), [], path)
      }
      assert.deepEqual(outcomes, targets)
    })
  })
}

describe('the absolute form (RFC 9112 §3.2.2)', () => {
  const absolute: [target: string, outcome: number | string][] = [
    ['http://localhost/open', '/open localhost'],
    ['HTTP://LOCALHOST/open', '/open localhost'],
    ['https://other:99/open?x', '/open?x other:99'],
    ['http://localhost', '/ localhost'],
    ['http://localhost?x', '/?x localhost'],
    ['http://localhost/shut', 403],
    ['http://localhost//shut', 403],
    ['http://localhost/x/%2e%2e/shut', 403],
    ['http:///shut', 400],
    ['http://', 400],
    ['http://[::1/x', 400],
    ['http://user@localhost/x', 400],
    ['http://local host/x', 400],
    ['http://a\\b/x', 400],
    ['http:/shut', 400],
    ['http:shut', 400],
    ['ftp://localhost/shut', 400],
    ['javascript:x', 400],
    ['localhost:80', 400],
  ]
  for (const door of ['HTTP/1.1', 'upgrade'] as const) {
    test(`over ${door}: Host comes from it, and what is malformed is 400 and kills nobody`, async (t) => {
      const upstream = await startEcho(t)
      const scene = await openScene(t, upstream.url, { routes: [shut] })
      const outcomes: typeof absolute = []
      for (const [path] of absolute) {
        upstream.requests.length = 0
        const status = await knock(t, scene, door, { path, host: 'told' })
        const arrived = upstream.requests[0]
        outcomes.push([path, arrived ? `${arrived.url} ${arrived.headers.host}` : status])
      }
      assert.deepEqual(outcomes, absolute)
      await servesTheNext(scene)
    })
  }
})

test('a request line without a path, or with one too many, is 400', async (t) => {
  const upstream = await startEcho(t)
  const scene = await openScene(t, upstream.url)
  for (const line of [
    'GET  HTTP/1.1',
    'GET HTTP/1.1',
    'GET /a /b HTTP/1.1',
    'GET\t/a HTTP/1.1',
    'GET /a',
    '/a',
  ]) {
    const reply = await rawRequest(scene.plain, `${line}\r\nHost: localhost\r\n\r\n`, { until: finalHead })
    assert.deepEqual(reply.statuses, [400], line)
  }
  const upgrade = await rawRequest(scene.plain, upgradeHead('', 'localhost'), { until: finalHead })
  assert.deepEqual(upgrade.statuses, [400])
  await servesTheNext(scene)
  assert.deepEqual(arrivals(upstream), ['GET /next'])
})

test('a prefix that is stripped or replaced leaves the rest of the path as it was decided on', async (t) => {
  const upstream = await startEcho(t)
  const scene = await openScene(t, upstream.url, {
    routes: [
      '{ name: strip, listeners: [http, https], match: { path: /strip }, forward: { prefix: strip }, to: app }',
      '{ name: swap, listeners: [http, https], match: { path: /swap }, forward: { prefix: /v2 }, to: app }',
    ],
  })
  for (const door of doors) {
    upstream.requests.length = 0
    for (const path of [
      '/strip',
      '/strip//x/./y?z',
      '/strip/..%2e',
      '/%73trip/a%20b',
      '/swap',
      '/swap/x',
      '/swapx',
    ])
      await knock(t, scene, door, { path })
    assert.deepEqual(
      upstream.requests.map(({ url }) => url),
      ['/', '/x/y?z', '/...', '/a%20b', '/v2', '/v2/x', '/swapx'],
    )
  }
})
