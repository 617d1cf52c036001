/**
 * Who the client is, is said by us alone.
 *
 * Attack: a client that may set X-Forwarded-For, X-Real-IP or X-Forwarded-User, or take away what we set by
 * naming it in `Connection`, chooses who the upstream takes it for. One that arrives as `::ffff:10.0.0.5` on a
 * dual-stack listener walks past a rule written for 10.0.0.5.
 *
 * Right: overwritten unless the peer is a trusted proxy; stripped first and set afterwards; an address is
 * normalised once.
 */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { rawRequest } from '../harness/raw-request.ts'
import type { Upstream } from '../harness/upstream.ts'
import { doors, finalHead, knock, openScene, startEcho } from './scene.ts'

const claimed = [
  ['X-Forwarded-For', '10.0.0.5'],
  ['X-Forwarded-Host', 'evil'],
  ['X-Forwarded-Proto', 'gopher'],
  ['X-Forwarded-Port', '1'],
  ['X-Forwarded-User', 'root'],
  ['X-Forwarded-Prefix', '/evil'],
  ['X-Forwarded-Server', 'evil'],
  ['X-Real-IP', '10.0.0.5'],
  ['Forwarded', 'for=10.0.0.5'],
  ['X-Request-Id', 'chosen-by-client'],
  ['X_Forwarded_For', '10.0.0.5'],
  ['X-Forwarded_For', '10.0.0.5'],
  ['X_Real_IP', '10.0.0.5'],
  // Served by some frameworks in place of the path that was decided about.
  ['X-Original-URL', '/close'],
  ['X-Rewrite-URL', '/close'],
  // CVE-2016-5385: whom a CGI program asks.
  ['Proxy', 'http://evil.example'],
] as const

for (const door of doors) {
  describe(`over ${door}`, () => {
    const proto = door === 'HTTP/2' ? 'https' : 'http'

    test('what a client claims about itself is overwritten', async (t) => {
      const upstream = await startEcho(t)
      const scene = await openScene(t, upstream.url)
      await knock(t, scene, door, { headers: claimed })
      assertOurs(upstream, proto)
    })

    test('naming our fields in Connection takes none of them away', async (t) => {
      // HTTP/2 has no Connection field, and refuses a request that brings one.
      if (door === 'HTTP/2') return
      const upstream = await startEcho(t)
      const scene = await openScene(t, upstream.url)
      const names = claimed.map(([name]) => name).join(', ')
      const lines = claimed.map(([name, value]) => `${name}: ${value}\r\n`).join('')
      const upgrade =
        door === 'upgrade'
          ? 'Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n'
          : ''
      const head = `GET / HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade, Host, Via, ${names}\r\n${upgrade}${lines}\r\n`
      await rawRequest(scene.plain, head, { until: finalHead })
      assertOurs(upstream, proto)
      assert.equal(upstream.requests[0]?.headers.host, 'localhost')
      assert.match(upstream.requests[0]?.headers.via ?? '', /gatehouse/)
    })

    test('a trusted proxy is believed, as far as its own word goes', async (t) => {
      const upstream = await startEcho(t)
      const scene = await openScene(t, upstream.url, { more: 'trustedProxies: [127.0.0.1, 10.0.0.0/8]' })
      const headers = [
        ['X-Forwarded-For', '6.6.6.6, 203.0.113.9, 10.0.0.7'],
        ['X-Forwarded-Proto', 'https'],
      ] as const
      await knock(t, scene, door, { headers })
      const seen = upstream.requests[0]?.headers
      assert.equal(seen?.['x-forwarded-for'], '203.0.113.9')
      assert.equal(seen?.['x-real-ip'], '203.0.113.9')
      assert.equal(seen?.['x-forwarded-proto'], 'https')
    })

    // The attack: a route sets or removes X-Internal-User, and a client says X_Internal_User, which an upstream that is CGI
    // or WSGI reads as the same name. What a policy takes away was taken away under one spelling alone.
    test('a field that a route sets or removes does not come in under another spelling', async (t) => {
      const upstream = await startEcho(t)
      const scene = await openScene(t, upstream.url, {
        route:
          'policies: { headers: { request: { set: { X-Internal-User: nobody }, remove: [X-Is-Admin] } } }',
      })
      const headers = [
        ['X_Internal_User', 'root'],
        ['x-internal_user', 'root'],
        ['X_Is_Admin', '1'],
        ['X_Mine', 'passes'],
      ] as const
      await knock(t, scene, door, { headers })
      const fields = upstream.requests[0]?.headers
      assert.equal(fields?.['x-internal-user'], 'nobody')
      assert.deepEqual(
        Object.keys(fields ?? {}).filter((name) => name.includes('_')),
        ['x_mine'],
      )
    })

    test('an IPv4 client of a dual-stack listener is an IPv4 client', async (t) => {
      const upstream = await startEcho(t)
      const scene = await openScene(t, upstream.url, {
        address: '::',
        routes: [
          '{ name: denied, listeners: [http, https], match: { path: /denied }, policies: { deny: [127.0.0.0/8] }, to: app }',
          '{ name: allowed, listeners: [http, https], match: { path: /allowed }, policies: { allow: [127.0.0.1] }, to: app }',
        ],
      })
      assert.equal(await knock(t, scene, door, { path: '/denied' }), 403)
      assert.equal(await knock(t, scene, door, { path: '/allowed' }), door === 'upgrade' ? 101 : 200)
      assert.equal(upstream.requests[0]?.headers['x-forwarded-for'], '127.0.0.1')
      assert.equal(upstream.requests.length, 1)
    })
  })
}

function assertOurs({ requests }: Upstream, proto: string): void {
  const [request] = requests
  assert.ok(request, 'it arrived')
  assert.deepEqual(request.headersDistinct['x-forwarded-for'], ['127.0.0.1'])
  assert.deepEqual(request.headersDistinct['x-real-ip'], ['127.0.0.1'])
  assert.deepEqual(request.headersDistinct['x-forwarded-host'], ['localhost'])
  assert.deepEqual(request.headersDistinct['x-forwarded-proto'], [proto])
  assert.deepEqual(request.headersDistinct.forwarded, [`for=127.0.0.1;host="localhost";proto=${proto}`])
  assert.notEqual(request.headers['x-request-id'], 'chosen-by-client')
  for (const [name, value] of claimed) assert.notEqual(request.headers[name.toLowerCase()], value, name)
  assert.ok(
    !request.rawHeaders.some((text) => text.includes('_')),
    'no twin that CGI reads as the same field',
  )
}
