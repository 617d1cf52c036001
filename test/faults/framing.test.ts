/**
 * Request smuggling from the front.
 *
 * Attack: a request carries a second one in its body. Where the proxy loses the body's framing, or reads its
 * length otherwise than the upstream does, the body runs as the next request of that connection: past every
 * policy, and its answer goes to whoever comes next.
 *
 * Mechanism: engines drop the framing of methods that "have no body" (CVE-2026-29057 is one such), forward an
 * HTTP/2 body without any (RFC 9113 §8.1 needs none), or pass on two statements of one length.
 *
 * Right: every body is framed anew, by length or by chunks, never by neither (RFC 9112 §6.3); what states its
 * length in two ways is refused.
 */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { connectFrames, data, flag, frameType, headers } from '../harness/http2-frames.ts'
import { rawConnect, rawRequest } from '../harness/raw-request.ts'
import { startScriptedUpstream } from '../harness/scripted-upstream.ts'
import { type Echo, startUpstream } from '../harness/upstream.ts'
import { upgradeHead } from '../harness/websocket.ts'
import { arrivals, finalHead, openScene, servesTheNext, startEcho } from './scene.ts'

const smuggled = 'GET /smuggled HTTP/1.1\r\nHost: localhost\r\n\r\n'
const chunked = `${smuggled.length.toString(16)}\r\n${smuggled}\r\n0\r\n\r\n`
const methods = ['GET', 'HEAD', 'DELETE', 'OPTIONS', 'POST']

describe('a request in a body stays a body', () => {
  for (const method of methods) {
    test(`${method} with chunks, over HTTP/1.1`, async (t) => {
      const upstream = await startEcho(t)
      const scene = await openScene(t, upstream.url)
      const head = `${method} /good HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n`
      const reply = await rawRequest(scene.plain, head + chunked, { until: wholeReply(method) })
      assert.deepEqual(reply.statuses, [200])
      assertBody(method, reply.text)
      await servesTheNext(scene)
      assert.deepEqual(arrivals(upstream), [`${method} /good`, 'GET /next'])
      assert.equal(upstream.requests[0]?.headers['transfer-encoding'], 'chunked')
    })

    test(`${method} with a length, over HTTP/1.1`, async (t) => {
      const upstream = await startEcho(t)
      const scene = await openScene(t, upstream.url)
      const head = `${method} /good HTTP/1.1\r\nHost: localhost\r\nContent-Length: ${smuggled.length}\r\n\r\n`
      const reply = await rawRequest(scene.plain, head + smuggled, { until: wholeReply(method) })
      assert.deepEqual(reply.statuses, [200])
      assertBody(method, reply.text)
      await servesTheNext(scene)
      assert.deepEqual(arrivals(upstream), [`${method} /good`, 'GET /next'])
      assert.equal(upstream.requests[0]?.headers['content-length'], String(smuggled.length))
    })

    test(`${method} with frames and no length, over HTTP/2`, async (t) => {
      const upstream = await startEcho(t)
      const scene = await openScene(t, upstream.url)
      const connection = await connectFrames(t, scene.secure)
      connection.send(headers(1, fieldsOf(method), { endStream: false }), data(1, smuggled))
      await connection.waitFor(({ stream, flags }) => stream === 1 && (flags & flag.endStream) !== 0)
      const body = connection.frames.filter(({ type, stream }) => type === frameType.data && stream === 1)
      assertBody(method, Buffer.concat(body.map(({ payload }) => payload)).toString())
      await servesTheNext(scene)
      assert.deepEqual(arrivals(upstream), [`${method} /good`, 'GET /next'])
      assert.equal(upstream.requests[0]?.headers['transfer-encoding'], 'chunked')
    })
  }
})

describe('a length that is said in two ways, or badly, is refused and nothing arrives', () => {
  const length = 'Content-Length: 4'
  for (const fields of [
    `${length}\r\nTransfer-Encoding: chunked`,
    `Transfer-Encoding: chunked\r\n${length}`,
    `${length}\r\nContent-Length: 5`,
    'Content-Length: 4, 5',
    'Content-Length: +4',
    'Content-Length: -4',
    'Content-Length: 0x4',
    'Content-Length: 4 4',
    'Content-Length:',
    'Content-Length: 99999999999999999999999',
    'Content-Length : 4',
    'Transfer-Encoding : chunked',
    'Transfer-Encoding: xchunked',
    'Transfer-Encoding: identity',
    'Transfer-Encoding: chunked, identity',
    'Transfer-Encoding: identity, chunked',
    'Transfer-Encoding: gzip, chunked',
    'Transfer-Encoding: chunked, chunked',
    'Transfer-Encoding: chunked\r\nTransfer-Encoding: identity',
    'Transfer-Encoding: chunked;q=1',
    'Transfer-Encoding: "chunked"',
    'Transfer-Encoding: \x0bchunked',
    'Transfer-Encoding: chunked\x00',
    'Transfer-Encoding:\r\n chunked',
    'X: y\nTransfer-Encoding: chunked',
    'X: y\rTransfer-Encoding: chunked',
    ' Transfer-Encoding: chunked',
  ]) {
    test(JSON.stringify(fields), async (t) => {
      const upstream = await startEcho(t)
      const scene = await openScene(t, upstream.url)
      const bytes = `POST /bad HTTP/1.1\r\nHost: localhost\r\n${fields}\r\n\r\n0\r\n\r\n${smuggled}`
      const reply = await rawRequest(scene.plain, bytes, { until: /never/, timeout: 3000 })
      assert.deepEqual(reply.statuses, [400])
      assert.ok(reply.ended, 'nothing after it can be read as a request')
      await servesTheNext(scene)
      assert.deepEqual(arrivals(upstream), ['GET /next'])
    })
  }

  test('chunks in HTTP/1.0, which knows none', async (t) => {
    const upstream = await startEcho(t)
    const scene = await openScene(t, upstream.url)
    const bytes = `POST /bad HTTP/1.0\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n${chunked}`
    assert.deepEqual((await rawRequest(scene.plain, bytes)).statuses, [400])
    assert.deepEqual(arrivals(upstream), [])
  })

  for (const size of ['5x', '-5', '0x5', '5 ;', 'g', '', '10000000000000000']) {
    test(`a chunk of size ${JSON.stringify(size)}`, async (t) => {
      const upstream = await startEcho(t)
      const scene = await openScene(t, upstream.url)
      const head = 'POST /bad HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n'
      const bytes = `${head}${size}\r\nhello\r\n0\r\n\r\n${smuggled}`
      const reply = await rawRequest(scene.plain, bytes, { until: /never/, timeout: 3000 })
      assert.deepEqual(reply.statuses, [400])
      await servesTheNext(scene)
      assert.ok(!arrivals(upstream).includes('GET /smuggled'))
    })
  }
})

test('what an upstream did not read of a body is not its next request', async (t) => {
  // It answers early and keeps its connection open; the rest of the body comes when the next request could.
  const early = 'HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n'
  const upstream = await startScriptedUpstream(t, (connection) =>
    connection === 0 ? [early] : ['HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok'],
  )
  const scene = await openScene(t, upstream.url)
  const client = await rawConnect(scene.plain)
  t.after(() => client.destroy())
  const reply = new Promise((resolve) => client.once('data', resolve))
  client.write(
    `POST /early HTTP/1.1\r\nHost: localhost\r\nContent-Length: ${smuggled.length + 9}\r\n\r\nnot all: `,
  )
  assert.match(String(await reply), /^HTTP\/1\.1 413/)
  client.write(smuggled)
  await servesTheNext(scene)
  assert.equal(upstream.connections.length, 2, 'the connection with the unread body is not used again')
  assert.ok(!upstream.connections.some(({ received }) => received.includes('/smuggled')))
})

describe('an upgrade is a request without a body', () => {
  for (const framing of [`Content-Length: ${smuggled.length}`, 'Transfer-Encoding: chunked']) {
    test(`one with ${framing} is refused`, async (t) => {
      const upstream = await startEcho(t)
      const scene = await openScene(t, upstream.url)
      const reply = await rawRequest(scene.plain, upgradeHead('/bad', 'localhost', [framing]) + smuggled)
      assert.deepEqual(reply.statuses, [400])
      await servesTheNext(scene)
      assert.deepEqual(arrivals(upstream), ['GET /next'])
    })
  }

  test('one that the upstream refuses in chunks is answered whole, and the connection ends', async (t) => {
    const upstream = await startUpstream(t)
    upstream.server.on('upgrade', (_request, socket) =>
      socket.end('HTTP/1.1 403 No\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nno\r\n3\r\npe.\r\n0\r\n\r\n'),
    )
    const scene = await openScene(t, upstream.url)
    const reply = await rawRequest(scene.plain, upgradeHead('/', 'localhost'), {
      until: /never/,
      timeout: 3000,
    })
    assert.deepEqual(reply.statuses, [403])
    assert.match(reply.text, /\r\nTransfer-Encoding: chunked\r\n/i)
    assert.match(reply.text, /\r\n\r\n(2\r\nno\r\n3\r\npe\.\r\n|5\r\nnope\.\r\n)0\r\n\r\n$/)
    assert.ok(reply.ended)
  })

  test('one that is answered 204 or 304 gets no framing, which those have none of', async (t) => {
    for (const status of [204, 304]) {
      const upstream = await startUpstream(t)
      upstream.server.on('upgrade', (_request, socket) =>
        socket.end(`HTTP/1.1 ${status} Nothing\r\nTransfer-Encoding: chunked\r\n\r\n`),
      )
      const scene = await openScene(t, upstream.url)
      const reply = await rawRequest(scene.plain, upgradeHead('/', 'localhost'), { until: finalHead })
      assert.deepEqual(reply.statuses, [status])
      assert.doesNotMatch(reply.text, /transfer-encoding|content-length/i)
    }
  })
})

test('a response without a body never says that it has one', async (t) => {
  // A 204 with a length makes a client that believes it take the next response for the body (RFC 9110 §8.6).
  const upstream = await startScriptedUpstream(t, ['HTTP/1.1 204 No\r\nContent-Length: 5\r\n\r\n'])
  const scene = await openScene(t, upstream.url)
  const reply = await rawRequest(scene.plain, 'GET / HTTP/1.1\r\nHost: localhost\r\n\r\n', {
    until: finalHead,
  })
  assert.deepEqual(reply.statuses, [204])
  assert.doesNotMatch(reply.text, /transfer-encoding|content-length/i)
})

function fieldsOf(method: string): [string, string][] {
  return [
    [':method', method],
    [':scheme', 'https'],
    [':authority', 'localhost'],
    [':path', '/good'],
  ]
}

function wholeReply(method: string): RegExp {
  return method === 'HEAD' ? finalHead : /\}$/
}

/** The upstream read exactly those bytes as the body. It cannot say so to HEAD. */
function assertBody(method: string, text: string): void {
  if (method === 'HEAD') return
  const echo = JSON.parse(text.slice(text.indexOf('{'))) as Echo
  assert.equal(echo.body, smuggled)
}
