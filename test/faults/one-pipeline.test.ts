/**
 * One way in.
 *
 * Fault: Express never sees Node's `upgrade` event, so a proxy whose rules are Express middleware lets every
 * WebSocket past them; an engine's hooks are skipped for `Expect`, or for HTTP/2.
 *
 * Right: requests of HTTP/1.1 and HTTP/2 and upgrades walk the same stages, and a rule holds at every door.
 */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { connectFrames, flag, frameType, getFields, headers, statusOf } from '../harness/http2-frames.ts'
import { arrivals, type Door, doors, knock, openScene, startEcho } from './scene.ts'

const everyone = '["0.0.0.0/0", "::/0"]'

/** A policy of the route, what the client sends, and the status that it must get. */
const rules: [what: string, policies: string, status: number, headers?: [string, string][]][] = [
  ['a list of allowed addresses', '{ allow: [10.0.0.0/8] }', 403],
  ['a list of denied addresses', `{ deny: ${everyone} }`, 403],
  ['a list of methods', '{ methods: [POST] }', 405],
  ['maintenance', '{ maintenance: {} }', 503],
]

for (const [what, policies, status, headers = []] of rules) {
  describe(what, () => {
    for (const door of doors) {
      for (const [also, further] of [
        ['', []],
        [', with Expect', [['Expect', '100-continue']]],
        [', with a method override', [['X-HTTP-Method-Override', 'POST']]],
        [
          ', with a path override',
          [
            ['X-Original-URL', '/open'],
            ['X-Rewrite-URL', '/open'],
          ],
        ],
      ] as [string, [string, string][]][]) {
        test(`holds over ${door}${also}`, async (t) => {
          const upstream = await startEcho(t)
          const scene = await openScene(t, upstream.url, {
            route: `policies: ${policies}`,
            routes: ['{ name: open, listeners: [http, https], match: { path: /open }, to: app }'],
          })
          assert.equal(await knock(t, scene, door, { headers: [...headers, ...further] }), status)
          assert.deepEqual(arrivals(upstream), [])
          assert.equal(await knock(t, scene, door, { path: '/open' }), passed(door))
        })
      }
    }
  })
}

test('a rate limit is one for all three doors together', async (t) => {
  const upstream = await startEcho(t)
  const scene = await openScene(t, upstream.url, { route: 'policies: { rateLimit: { limit: 3, per: 1m } }' })
  const statuses: number[] = []
  for (const door of [...doors, ...doors]) statuses.push(await knock(t, scene, door, {}))
  assert.deepEqual(statuses, [200, 200, 101, 429, 429, 429])
  assert.equal(upstream.requests.length, 3)
})

test('a request that no route serves is 404 at every door, and reaches nobody', async (t) => {
  const upstream = await startEcho(t)
  const scene = await openScene(t, upstream.url, { route: 'match: { path: /only }' })
  for (const door of doors) assert.equal(await knock(t, scene, door, { path: '/other' }), 404, door)
  assert.deepEqual(arrivals(upstream), [])
})

test('a tunnel by CONNECT over HTTP/2 is no fourth door: it is refused, and its connection lives on', async (t) => {
  // RFC 8441 is not offered. Who asks for it all the same must not come in as some other request.
  const upstream = await startEcho(t)
  const scene = await openScene(t, upstream.url)
  const connection = await connectFrames(t, scene.secure)
  const offer = await connection.waitFor(
    ({ type, flags }) => type === frameType.settings && (flags & flag.ack) === 0,
  )
  const enableConnectProtocol = 8
  for (let at = 0; at < offer.payload.length; at += 6)
    assert.notEqual(offer.payload.readUInt16BE(at), enableConnectProtocol)
  const connects = [
    [
      [':method', 'CONNECT'],
      [':protocol', 'websocket'],
      [':scheme', 'https'],
      [':path', '/'],
      [':authority', 'localhost'],
      ['sec-websocket-version', '13'],
    ],
    [
      [':method', 'CONNECT'],
      [':authority', 'localhost:443'],
    ],
  ] as [string, string][][]
  for (const [index, fields] of connects.entries()) {
    const stream = index * 2 + 1
    connection.send(headers(stream, fields, { endStream: false }))
    const answer = await connection.waitFor((each) => each.stream === stream)
    assert.ok(answer.type === frameType.rstStream || (statusOf(answer) ?? 0) >= 400)
  }
  connection.send(headers(9, getFields('/after')))
  const after = await connection.waitFor(({ stream, type }) => stream === 9 && type === frameType.headers)
  assert.equal(statusOf(after), 200)
  assert.deepEqual(arrivals(upstream), ['GET /after'])
})

function passed(door: Door): number {
  return door === 'upgrade' ? 101 : 200
}
