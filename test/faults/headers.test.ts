/**
 * Header fields that kill, hide or divide.
 *
 * Attacks: so many fields that the last ones are dropped while the parser still obeys them (CVE-2026-58044: a
 * length hidden behind 1,100 others); a field that an engine handles by throwing (`Trailer` on a GET); one that
 * switches the engine's hooks off (`Expect`), and with them every rule that hangs on a hook; one that reads as
 * two to a reader who knows fewer rules (a line feed, a NUL).
 *
 * Right: too many are 431, what does not belong to this hop is left out, the rules hold whatever is said, and
 * nothing that a client sends is thrown past us.
 */
import assert from 'node:assert/strict'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { eventually } from '../harness/eventually.ts'
import { connectHttp2 } from '../harness/http2.ts'
import { connectFrames, frameType, getFields, headers, statusOf } from '../harness/http2-frames.ts'
import { rawRequest } from '../harness/raw-request.ts'
import { request } from '../harness/request.ts'
import { tempFolder } from '../harness/temp-folder.ts'
import { type Echo, startUpstream } from '../harness/upstream.ts'
import { arrivals, doors, finalHead, knock, openScene, servesTheNext, startEcho } from './scene.ts'

const junk = Array.from({ length: 1100 }, (_, index) => [`x-${index}`, 'y'] as const)

for (const door of doors) {
  describe(`over ${door}`, () => {
    test('a length behind 1,100 other fields is refused with them', async (t) => {
      const upstream = await startEcho(t)
      const scene = await openScene(t, upstream.url, { limits: 'headerSize: 64KB' })
      const status = await knock(t, scene, door, { headers: [...junk, ['Content-Length', '0']] })
      assert.ok(status === 431 || (door === 'HTTP/2' && status === 0), `it was ${status}`)
      await servesTheNext(scene)
      assert.deepEqual(arrivals(upstream), ['GET /next'])
    })

    test('a hundred fields pass, and one more does not', async (t) => {
      const upstream = await startEcho(t)
      const scene = await openScene(t, upstream.url, { limits: 'headerCount: 100' })
      // Host, and the four of a handshake. Pseudo-fields do not count.
      const own = door === 'upgrade' ? 5 : door === 'HTTP/1.1' ? 1 : 0
      const passed = door === 'upgrade' ? 101 : 200
      assert.equal(await knock(t, scene, door, { headers: junk.slice(0, 100 - own) }), passed)
      assert.equal(await knock(t, scene, door, { headers: junk.slice(0, 101 - own) }), 431)
      assert.equal(upstream.requests.length, 1)
    })

    test('a field of 40 KB is refused', async (t) => {
      const upstream = await startEcho(t)
      const scene = await openScene(t, upstream.url)
      assert.equal(await knock(t, scene, door, { headers: [['X-Long', 'y'.repeat(40_000)]] }), 431)
      await servesTheNext(scene)
      assert.deepEqual(arrivals(upstream), ['GET /next'])
    })

    test('a Trailer field on a GET ends here', async (t) => {
      const upstream = await startEcho(t)
      const scene = await openScene(t, upstream.url)
      const status = await knock(t, scene, door, { headers: [['Trailer', 'x']] })
      assert.equal(status, door === 'upgrade' ? 101 : 200)
      assert.equal(upstream.requests[0]?.headers.trailer, undefined)
      await servesTheNext(scene)
    })

    test('a field called __proto__ is a field like any other', async (t) => {
      const upstream = await startEcho(t)
      const scene = await openScene(t, upstream.url)
      const ask = {
        headers: [
          ['__proto__', 'x'],
          ['constructor', 'y'],
        ] as const,
      }
      assert.equal(await knock(t, scene, door, ask), door === 'upgrade' ? 101 : 200)
      assert.ok(upstream.requests[0]?.rawHeaders.includes('__proto__'))
      assert.equal(({} as Record<string, unknown>).x, undefined)
      await servesTheNext(scene)
    })

    for (const value of ['a\nX-Two: b', 'a\rX-Two: b', 'a\0b', 'a\x7fb', 'a\x1bb']) {
      test(`a value with ${JSON.stringify(value)} never arrives`, async (t) => {
        const upstream = await startEcho(t)
        const scene = await openScene(t, upstream.url)
        const status = await knock(t, scene, door, { headers: [['X-One', value]] })
        // The HTTP/2 engine leaves such a field out and goes on; HTTP/1.1 has no such choice.
        assert.equal(status, door === 'HTTP/2' ? 200 : 400)
        await servesTheNext(scene)
        assert.ok(!/x-one|x-two/i.test(JSON.stringify(upstream.requests.map(({ rawHeaders }) => rawHeaders))))
        assert.equal(upstream.requests.length, door === 'HTTP/2' ? 2 : 1)
      })
    }

    test('Expect switches no policy and no header rule off', async (t) => {
      const upstream = await startEcho(t)
      const scene = await openScene(t, upstream.url, {
        route: 'policies: { headers: { request: { set: { X-Rule: kept } } } }',
        routes: [
          '{ name: shut, listeners: [http, https], match: { path: /shut }, policies: { deny: [0.0.0.0/0] }, to: app }',
        ],
      })
      const expecting = [['Expect', '100-continue']] as const
      const passed = await knock(t, scene, door, { headers: expecting })
      assert.equal(passed, door === 'upgrade' ? 101 : 200)
      assert.equal(upstream.requests[0]?.headers['x-rule'], 'kept')
      assert.equal(upstream.requests[0]?.headers.expect, undefined)
      assert.equal(await knock(t, scene, door, { path: '/shut', headers: expecting }), 403)
      assert.equal(upstream.requests.length, 1)
    })
  })
}

test('an expectation that nobody knows is 417 and kills nobody', async (t) => {
  const upstream = await startEcho(t)
  const scene = await openScene(t, upstream.url)
  for (const door of ['HTTP/1.1', 'HTTP/2'] as const)
    assert.equal(await knock(t, scene, door, { headers: [['Expect', 'x']] }), 417)
  await servesTheNext(scene)
  assert.deepEqual(arrivals(upstream), ['GET /next'])
})

// The attack: a slow request, one with such an expectation, and a third in one packet. The 417 is the connection's last
// answer and waits behind the first; the third was sent to the upstream all the same, and nobody was told what came of it.
test('nothing behind a 417 is served, also where that waits behind a slow answer', async (t) => {
  const upstream = await startUpstream(t, (request, response) => {
    setTimeout(() => response.end('slow'), request.url === '/slow' ? 300 : 0)
  })
  const scene = await openScene(t, upstream.url)
  const lines = 'Host: localhost\r\nContent-Length: 0\r\n'
  const reply = await rawRequest(
    scene.plain,
    `GET /slow HTTP/1.1\r\n${lines}\r\nGET /a HTTP/1.1\r\n${lines}Expect: x\r\n\r\nPOST /behind HTTP/1.1\r\n${lines}\r\n`,
    { until: /never/ },
  )
  assert.deepEqual([reply.statuses, reply.ended], [[200, 417], true])
  assert.deepEqual(arrivals(upstream), ['GET /slow'])
})

describe('over HTTP/2, a request that HTTP/1.1 could read otherwise never arrives', () => {
  for (const [what, fields] of [
    ['two paths', [...getFields('/a'), [':path', '/b']]],
    ['no path', getFields('/').filter(([name]) => name !== ':path')],
    ['an empty path', getFields('')],
    ['a path that begins with no slash', getFields('x')],
    ['a path of the absolute form', getFields('http://other/x')],
    ['a path with a blank and a second request', getFields('/x HTTP/1.1\r\nX: y')],
    ['a pseudo-field after a field', [['x', 'y'], ...getFields()]],
    ['an unknown pseudo-field', [...getFields(), [':x', 'y']]],
    ['a name in capitals', [...getFields(), ['X-Capital', 'y']]],
    ['Connection', [...getFields(), ['connection', 'close']]],
    ['Transfer-Encoding', [...getFields(), ['transfer-encoding', 'chunked']]],
    ['Upgrade', [...getFields(), ['upgrade', 'h2c']]],
    ['a length of a body that there is not', [...getFields(), ['content-length', '5']]],
    ['two lengths', [...getFields(), ['content-length', '0'], ['content-length', '5']]],
    ['a method in small letters', [[':method', 'get'], ...getFields().slice(1)]],
    ['a method with a blank', [[':method', 'GET /x'], ...getFields().slice(1)]],
    [
      'CONNECT',
      [
        [':method', 'CONNECT'],
        [':authority', 'localhost:22'],
      ],
    ],
    ['TRACE', [[':method', 'TRACE'], ...getFields().slice(1)]],
  ] as [string, [string, string][]][]) {
    test(what, async (t) => {
      const upstream = await startEcho(t)
      const scene = await openScene(t, upstream.url)
      const connection = await connectFrames(t, scene.secure)
      connection.send(headers(1, fields))
      const answer = await connection.waitFor(
        (frame) => frame.stream === 1 || frame.type === frameType.goaway,
      )
      const status = statusOf(answer)
      assert.ok(status === undefined || (status >= 400 && status < 500), `it was ${status}`)
      await servesTheNext(scene)
      assert.deepEqual(arrivals(upstream), ['GET /next'])
    })
  }
})

describe('a policy that sets a field with a line break', () => {
  // The break would end the field and begin one, or a whole response, of somebody's choosing.
  const broken = [['x-bad', 'a\r\nx-worse: b']]
  for (const [where, policy] of [
    ['of the response', `decide: () => ({ verdict: 'pass', responseHeaders: ${JSON.stringify(broken)} })`],
    ['of the request', `decide: () => ({ verdict: 'pass', requestHeaders: ${JSON.stringify(broken)} })`],
    [
      'after the upstream answered',
      `editResponse: (_, head) => { head.headers['x-bad'] = 'a\\r\\nx-worse: b' }`,
    ],
    ['after ours were set', `editRequest: (_, headers) => { headers.push('x-bad', 'a\\r\\nx-worse: b') }`],
  ] as const) {
    for (const door of doors) {
      test(`${where} ends its exchange and no more, over ${door}`, async (t) => {
        const upstream = await startEcho(t)
        const file = join(await tempFolder(t), 'broken.ts')
        const create = `() => ({ name: 'broken', mode: 'enforce', ${policy} })`
        await writeFile(file, `export default { kind: 'policy', create: ${create} }\n`)
        const scene = await openScene(t, upstream.url, {
          more: `extensions: { broken: "${file}" }`,
          route: 'policies: { broken: {} }',
          routes: ['{ name: next, listeners: [http, https], match: { path: /next }, to: app }'],
        })
        const status = await knock(t, scene, door, {})
        assert.ok(status === 500 || (where === 'after ours were set' && status === 400), `it was ${status}`)
        await servesTheNext(scene)
        for (const { headers } of upstream.requests) assert.equal(headers['x-worse'], undefined)
        await eventually(() => scene.proxy.gatehouse.inFlight.size === 0)
      })
    }
  }
})

test('over HTTP/2, a name that is none never arrives', async (t) => {
  const upstream = await startEcho(t)
  const scene = await openScene(t, upstream.url)
  const connection = await connectFrames(t, scene.secure)
  const names = ['x y', 'x:y', 'x\ny', 'x\r\nhost', '', 'x\0', 'x\xe9']
  connection.send(headers(1, [...getFields('/odd'), ...names.map((name) => [name, 'odd'] as const)]))
  await connection.waitFor(({ stream }) => stream === 1)
  await servesTheNext(scene)
  for (const { rawHeaders } of upstream.requests) assert.ok(!rawHeaders.includes('odd'))
})

test('fields that may be said twice arrive twice, both ways', async (t) => {
  const upstream = await startUpstream(t, (_request, response) => {
    response.writeHead(200, ['Set-Cookie', 'a=1', 'Set-Cookie', 'b=2', 'X-Two', 'one', 'X-Two', 'two'])
    response.end()
  })
  const scene = await openScene(t, upstream.url)
  const asked = { headers: { 'x-many': ['one', 'two'] } }
  const first = await request(scene.proxy.url('http'), asked)
  assert.deepEqual(first.headers['set-cookie'], ['a=1', 'b=2'])
  assert.equal(first.headers['x-two'], 'one, two')
  const second = await (await connectHttp2(t, scene.secure)).request('/', asked)
  assert.deepEqual(second.headers['set-cookie'], ['a=1', 'b=2'])
  assert.equal(second.headers['x-two'], 'one, two')
  for (const { headersDistinct } of upstream.requests)
    assert.deepEqual(headersDistinct['x-many'], ['one', 'two'])
})

test('a field that may be said once and is said twice gives no client two readings, and no error', async (t) => {
  // Node refuses to send such a field twice over HTTP/2, which would turn a page that shows everywhere into a 502.
  const upstream = await startUpstream(t, (_request, response) => {
    const twice = ['Content-Type', 'text/plain', 'X-Content-Type-Options', 'nosniff', 'ETag', '"a"']
    response.writeHead(200, [...twice, 'Content-Type', 'text/html', ...twice.slice(2)]).end('body')
  })
  const scene = await openScene(t, upstream.url)
  for (const reply of [
    await request(scene.proxy.url('http')),
    await (await connectHttp2(t, scene.secure)).request('/'),
  ]) {
    assert.equal(reply.status, 200)
    assert.equal(reply.headers['content-type'], 'text/plain')
    assert.equal(reply.headers['x-content-type-options'], 'nosniff')
    assert.equal(reply.headers.etag, '"a"')
  }
})

test('cookies that HTTP/2 splits arrive as one field, which HTTP/1.1 knows', async (t) => {
  const upstream = await startEcho(t)
  const scene = await openScene(t, upstream.url)
  const connection = await connectFrames(t, scene.secure)
  connection.send(headers(1, [...getFields(), ['cookie', 'a=1'], ['cookie', 'b=2']]))
  assert.equal(statusOf(await connection.waitFor(({ stream }) => stream === 1)), 200)
  assert.deepEqual(upstream.requests[0]?.headersDistinct.cookie, ['a=1; b=2'])
})

test('trailers of a request end here', async (t) => {
  const upstream = await startEcho(t)
  const scene = await openScene(t, upstream.url)
  const head = 'POST / HTTP/1.1\r\nHost: localhost\r\nTrailer: X-After\r\nTransfer-Encoding: chunked\r\n\r\n'
  const reply = await rawRequest(scene.plain, `${head}2\r\nhi\r\n0\r\nX-After: y\r\n\r\n`, {
    until: /\}$/,
  })
  assert.deepEqual(reply.statuses, [200])
  const echo = JSON.parse(reply.text.slice(reply.text.indexOf('{'))) as Echo
  assert.equal(echo.body, 'hi')
  const overHttp2 = await (await connectHttp2(t, scene.secure)).request('/', {
    method: 'POST',
    body: 'hi',
    trailers: { 'x-after': 'y' },
  })
  assert.equal(overHttp2.status, 200)
  for (const { trailers, headers } of upstream.requests) {
    assert.deepEqual(trailers, {})
    assert.equal(headers.trailer, undefined)
  }
})

test('a request without fields is no reason to fall', async (t) => {
  const upstream = await startEcho(t)
  const scene = await openScene(t, upstream.url)
  const reply = await rawRequest(scene.plain, 'GET / HTTP/1.0\r\n\r\n', { until: finalHead })
  assert.deepEqual(reply.statuses, [200])
})
