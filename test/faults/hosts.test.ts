/**
 * One host, said once.
 *
 * Attack: two Hosts, or one with userinfo, a path or a blank, let the proxy route by the first half and the
 * upstream by the second; routing by a part of the name (CVE-2026-55602) lets `shut.example.evil` pass for
 * `example`, or the path stand in for the host.
 *
 * Right: a Host that is none is 400 before anything is routed (RFC 9112 §3.2), and hosts match whole.
 */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { connectFrames, frameType, getFields, headers, statusOf } from '../harness/http2-frames.ts'
import { rawRequest } from '../harness/raw-request.ts'
import { arrivals, doors, finalHead, knock, openScene, servesTheNext, startEcho } from './scene.ts'

/** What each Host leads to: the route that its path names, or a status. */
const hosts: [host: string, outcome: number | 'own' | 'any' | 'wild'][] = [
  ['own.example', 'own'],
  ['OWN.Example', 'own'],
  ['own.example.', 'own'],
  ['own.example:8443', 'own'],
  ['own.example.:80', 'own'],
  ['a.wild.example', 'wild'],
  ['A.WILD.EXAMPLE:1', 'wild'],
  ['a.b.wild.example', 'any'],
  ['wild.example', 'any'],
  ['xown.example', 'any'],
  ['own.example.evil', 'any'],
  ['own.examplex', 'any'],
  ['127.0.0.1', 'any'],
  ['[::1]', 'any'],
  ['[::1]:8443', 'any'],
  ['xn--mnchen-3ya.example', 'any'],
  ['under_score.example', 'any'],
  ['', 400],
  ['.', 400],
  ['.own.example', 400],
  ['own..example', 400],
  ['own.example..', 400],
  ['own.example/', 400],
  ['other/own.example', 400],
  ['own.example?', 400],
  ['own.example#x', 400],
  ['user@own.example', 400],
  ['user:pw@own.example', 400],
  ['own.example, other', 400],
  ['own.example other', 400],
  ['own.example\tother', 400],
  ['own.example\\x', 400],
  ['own.example%00', 400],
  ['m\xfcnchen.example', 400],
  ['own.example:', 400],
  ['own.example:99999', 400],
  ['own.example:80:80', 400],
  ['own.example:x', 400],
  ['[::1', 400],
  ['::1', 400],
  ['[own.example]', 400],
  [`${'a'.repeat(254)}`, 400],
]

const routes = [
  '{ name: own, listeners: [http, https], match: { host: own.example }, forward: { prefix: /own }, to: app }',
  '{ name: wild, listeners: [http, https], match: { host: "*.wild.example" }, forward: { prefix: /wild }, to: app }',
  '{ name: any, listeners: [http, https], match: { path: / }, forward: { prefix: /any }, to: app }',
]

for (const door of doors) {
  test(`over ${door}: hosts match whole, and what is no host is refused before it is routed`, async (t) => {
    const upstream = await startEcho(t)
    const scene = await openScene(t, upstream.url, { routes, route: 'match: { path: /next }' })
    const outcomes: typeof hosts = []
    for (const [host] of hosts) {
      upstream.requests.length = 0
      const status = await knock(t, scene, door, { host })
      const arrived = upstream.requests[0]
      // A Host that HTTP/2 itself forbids ends the stream without a status.
      outcomes.push([host, arrived ? (arrived.url?.slice(1, -1) as 'own') : status || 400])
    }
    assert.deepEqual(outcomes, hosts)
    await servesTheNext(scene)
  })
}

describe('a host that is said twice, or not at all, is refused', () => {
  for (const [what, fields] of [
    ['two', 'Host: localhost\r\nHost: localhost\r\n'],
    ['two that differ', 'Host: localhost\r\nHost: other\r\n'],
    ['none', ''],
    ['an empty one', 'Host:\r\n'],
    ['one on two lines', 'Host: localhost\r\n other\r\n'],
    ['one with a blank before the colon', 'Host : localhost\r\n'],
  ] as const) {
    for (const target of ['/', 'http://localhost/']) {
      for (const upgrade of [
        '',
        'Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n',
      ]) {
        test(`${what}, for ${target}${upgrade && ', of an upgrade'}`, async (t) => {
          const upstream = await startEcho(t)
          const scene = await openScene(t, upstream.url)
          const reply = await rawRequest(scene.plain, `GET ${target} HTTP/1.1\r\n${fields}${upgrade}\r\n`, {
            until: finalHead,
          })
          assert.deepEqual(reply.statuses, [400])
          assert.deepEqual(arrivals(upstream), [])
        })
      }
    }
  }

  test('an absolute form does not mend a Host that is none', async (t) => {
    const upstream = await startEcho(t)
    const scene = await openScene(t, upstream.url)
    for (const host of ['a@b', 'a/b', 'a b']) {
      const reply = await rawRequest(scene.plain, `GET http://localhost/ HTTP/1.1\r\nHost: ${host}\r\n\r\n`, {
        until: finalHead,
      })
      assert.deepEqual(reply.statuses, [400], host)
    }
    assert.deepEqual(arrivals(upstream), [])
  })

  for (const [what, fields] of [
    ['Host that differs from :authority', [...getFields(), ['host', 'other']]],
    ['two Hosts', [...getFields(), ['host', 'localhost'], ['host', 'localhost']]],
    ['two authorities', [...getFields(), [':authority', 'other']]],
    ['neither', getFields().filter(([name]) => name !== ':authority')],
    ['an empty authority', getFields('/', '')],
  ] as [string, [string, string][]][]) {
    test(`over HTTP/2: ${what}`, async (t) => {
      const upstream = await startEcho(t)
      const scene = await openScene(t, upstream.url)
      const connection = await connectFrames(t, scene.secure)
      connection.send(headers(1, fields))
      const answer = await connection.waitFor((each) => each.stream === 1 || each.type === frameType.goaway)
      assert.ok([undefined, 400].includes(statusOf(answer)), `it was ${statusOf(answer)}`)
      assert.deepEqual(arrivals(upstream), [])
    })
  }
})

test('a host whose last label is cut off does not match, nor does the path stand in for the host', async (t) => {
  const upstream = await startEcho(t)
  const scene = await openScene(t, upstream.url, {
    routes: ['{ name: own, listeners: [http, https], match: { host: own.example, path: /api }, to: app }'],
    route: 'match: { host: nobody.example }',
  })
  for (const door of doors)
    for (const [host, path] of [
      ['localhost', '/own.example/api'],
      ['own.exampl', '/e/api'],
      ['own.example.evil', '/api'],
      ['localhost', '/api?host=own.example'],
    ] as const)
      assert.equal(await knock(t, scene, door, { host, path }), 404, `${host}${path}`)
  assert.deepEqual(arrivals(upstream), [])
})
