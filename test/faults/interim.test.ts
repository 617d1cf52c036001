/**
 * Interim responses and trailers: what comes before a response and after it.
 *
 * Fault: engines drop 102 and 103, answer `Expect: 100-continue` themselves before any upstream was asked (so a
 * client sends a gigabyte to a service that is away), and drop trailers while they announce them.
 *
 * Right: 1xx pass (RFC 9110 §15.2), 100 is said when there is somebody to send the body to, never to HTTP/1.0,
 * and trailers pass.
 */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { freePort } from '../harness/free-port.ts'
import { connectHttp2 } from '../harness/http2.ts'
import { rawRequest } from '../harness/raw-request.ts'
import { request } from '../harness/request.ts'
import { startScriptedUpstream } from '../harness/scripted-upstream.ts'
import { arrivals, finalHead, openScene, startEcho } from './scene.ts'

const ok = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok'
const hints = 'HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\n\r\n'
const processing = 'HTTP/1.1 102 Processing\r\n\r\n'

describe('102 and 103 pass', () => {
  test('over HTTP/1.1', async (t) => {
    const upstream = await startScriptedUpstream(t, [processing, hints, hints, ok])
    const scene = await openScene(t, upstream.url)
    const reply = await request(scene.proxy.url('http'))
    assert.deepEqual([...reply.interim, reply.status, reply.text], [102, 103, 103, 200, 'ok'])
  })
  test('over HTTP/2', async (t) => {
    const upstream = await startScriptedUpstream(t, [processing, hints, hints, ok])
    const scene = await openScene(t, upstream.url)
    const reply = await (await connectHttp2(t, scene.secure)).request('/')
    assert.deepEqual([...reply.interim, reply.status, reply.text], [102, 103, 103, 200, 'ok'])
  })
  test('but not to HTTP/1.0, which knows none', async (t) => {
    const upstream = await startScriptedUpstream(t, [processing, hints, ok])
    const scene = await openScene(t, upstream.url)
    const reply = await rawRequest(scene.plain, 'GET / HTTP/1.0\r\nHost: localhost\r\n\r\n', { until: /ok$/ })
    assert.deepEqual(reply.statuses, [200])
  })
  test('and a hint that is malformed is left out, not a reason for 502', async (t) => {
    const upstream = await startScriptedUpstream(t, [
      'HTTP/1.1 103 Hints\r\nLink: nonsense\r\n\r\n',
      ok,
      'END',
    ])
    const scene = await openScene(t, upstream.url)
    assert.equal((await request(scene.proxy.url('http'))).status, 200)
    assert.equal((await (await connectHttp2(t, scene.secure)).request('/')).status, 200)
  })
})

describe('100 is said when an upstream is there, and once', () => {
  const head = 'POST /up HTTP/1.1\r\nHost: localhost\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\n'

  test('by us, and not once more by the upstream', async (t) => {
    const upstream = await startScriptedUpstream(t, ['HTTP/1.1 100 Continue\r\n\r\n', { await: 'body' }, ok])
    const scene = await openScene(t, upstream.url)
    const reply = await rawRequest(scene.plain, [head, 50, 'body'], { until: /ok$/ })
    assert.deepEqual(reply.statuses, [100, 200])
    assert.doesNotMatch(upstream.connections[0]?.received ?? '', /expect/i)
  })
  test('not where the upstream is away: the body is never sent', async (t) => {
    const scene = await openScene(t, `http://127.0.0.1:${await freePort()}`)
    const reply = await rawRequest(scene.plain, head, { until: finalHead })
    assert.deepEqual(reply.statuses, [503])
  })
  test('not where a policy refuses', async (t) => {
    const upstream = await startEcho(t)
    const scene = await openScene(t, upstream.url, { route: 'policies: { deny: [0.0.0.0/0] }' })
    const reply = await rawRequest(scene.plain, head, { until: finalHead })
    assert.deepEqual(reply.statuses, [403])
    assert.deepEqual(arrivals(upstream), [])
  })
  test('by the second target where the first is away', async (t) => {
    // The first attempt ended before there was a connection, so nobody had asked for the body yet.
    const upstream = await startEcho(t)
    const scene = await openScene(t, `http://127.0.0.1:${await freePort()}`, { targets: [upstream.url] })
    const reply = await rawRequest(scene.plain, [head, 50, 'body'], { until: /\}$/ })
    assert.deepEqual(reply.statuses, [100, 200])
    assert.match(reply.text, /"body":"body"/)
  })
  test('over HTTP/2 too', async (t) => {
    const upstream = await startEcho(t)
    const scene = await openScene(t, upstream.url)
    const { session } = await connectHttp2(t, scene.secure)
    const stream = session.request({ ':method': 'POST', ':path': '/up', expect: '100-continue' })
    await new Promise((resolve) => stream.once('continue', resolve))
    stream.end('body')
    let text = ''
    for await (const chunk of stream) text += chunk
    assert.match(text, /"body":"body"/)
    assert.equal(upstream.requests[0]?.headers.expect, undefined)
  })
})

describe('trailers of a response', () => {
  const head = 'HTTP/1.1 200 OK\r\nTrailer: X-Sum\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n'

  test('pass over HTTP/1.1 and HTTP/2', async (t) => {
    const upstream = await startScriptedUpstream(t, [`${head}X-Sum: 42\r\nX-Sum: 43\r\n\r\n`, 'END'])
    const scene = await openScene(t, upstream.url)
    assert.equal((await request(scene.proxy.url('http'))).trailers['x-sum'], '42, 43')
    const reply = await (await connectHttp2(t, scene.secure)).request('/')
    assert.equal(reply.trailers['x-sum'], '42, 43')
  })

  test('that may be said once and are said twice kill nobody', async (t) => {
    // HTTP/2 of Node throws while it sends them, where nobody can catch it.
    const upstream = await startScriptedUpstream(t, [`${head}ETag: "a"\r\nETag: "b"\r\n\r\n`, 'END'])
    const scene = await openScene(t, upstream.url)
    assert.equal((await request(scene.proxy.url('http'))).text, 'ok')
    assert.equal((await (await connectHttp2(t, scene.secure)).request('/')).text, 'ok')
  })

  test('that frame, route or set cookies are left out (RFC 9110 §6.5.1)', async (t) => {
    const bad = [
      'Content-Length: 5',
      'Transfer-Encoding: chunked',
      'Host: x',
      'Set-Cookie: a=b',
      'Connection: x',
    ]
    const upstream = await startScriptedUpstream(t, [`${head}${bad.join('\r\n')}\r\nX-Sum: 1\r\n\r\n`, 'END'])
    const scene = await openScene(t, upstream.url)
    assert.deepEqual({ ...(await request(scene.proxy.url('http'))).trailers }, { 'x-sum': '1' })
    const { trailers } = await (await connectHttp2(t, scene.secure)).request('/')
    assert.deepEqual(Object.entries(trailers), [['x-sum', '1']])
  })
})
