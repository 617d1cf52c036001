/**
 * Half a response never looks whole.
 *
 * Fault: an upstream that ends, resets or breaks its framing in the middle of a body leaves the client hanging
 * for ever; or an error handler that writes "bad gateway" after the head turns half a file into a whole 200.
 *
 * Right: the client's response ends broken: no last chunk and no full length over HTTP/1.1 (RFC 9112 §8), a
 * reset with an error code over HTTP/2 (RFC 9113 §5.4.2).
 */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { eventually } from '../harness/eventually.ts'
import { connectFrames, flag, frameType, getFields, headers } from '../harness/http2-frames.ts'
import { rawRequest } from '../harness/raw-request.ts'
import { request } from '../harness/request.ts'
import { type Step, startScriptedUpstream } from '../harness/scripted-upstream.ts'
import { upgradeHead } from '../harness/websocket.ts'
import { openScene } from './scene.ts'

const length = 'HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf'
const chunks = 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n'
const compressible = chunks.replace('OK\r\n', 'OK\r\nContent-Type: text/plain\r\n')

const cuts: [what: string, script: Step[]][] = [
  ['the end within a length', [length, 'END']],
  ['the end within chunks', [chunks, 'END']],
  ['the end within a chunk', [`${chunks}a\r\nmore`, 'END']],
  ['the end within the trailers', [`${chunks}0\r\nX: y\r\n`, 'END']],
  ['a reset within a length', [length, { pause: 20 }, 'RESET']],
  ['a reset within chunks', [chunks, { pause: 20 }, 'RESET']],
  [
    'a reset of a body that ends with the connection',
    ['HTTP/1.1 200 OK\r\n\r\nhalf', { pause: 20 }, 'RESET'],
  ],
  ['a chunk size that is none', [`${chunks}zz\r\nmore\r\n`]],
  ['a chunk longer than it said', [`${chunks}2\r\nmore\r\n0\r\n\r\n`]],
  ['a chunk line that ends in LF alone', [`${chunks}4\nmore\r\n0\r\n\r\n`]],
  ['a control character in the trailers', [`${chunks}0\r\nX: \0\r\n\r\n`]],
  ['silence', [chunks]],
]

describe('over HTTP/1.1', () => {
  for (const [what, script] of cuts) {
    test(what, async (t) => {
      const upstream = await startScriptedUpstream(t, script)
      const scene = await openScene(t, upstream.url, { route: 'timeouts: { response: 2s, idle: 300ms }' })
      const reply = await rawRequest(scene.plain, 'GET / HTTP/1.1\r\nHost: localhost\r\n\r\n', {
        until: /never/,
      })
      // What breaks in the same packet may be cut before a byte of it has left.
      assert.match(reply.text, /^$|^HTTP\/1\.1 200 /)
      assert.doesNotMatch(reply.text, /\r\n0\r\n|gateway|problem/i)
      assert.ok(reply.ended || reply.reset, 'the connection ends')
      await assert.rejects(request(scene.proxy.url('http')), 'a client library calls it broken')
      await eventually(() => scene.proxy.gatehouse.inFlight.size === 0)
    })
  }

  test('for HTTP/1.0, where the end of the connection is the end of the body, it is a reset', async (t) => {
    const upstream = await startScriptedUpstream(t, [chunks, 'END'])
    const scene = await openScene(t, upstream.url)
    const reply = await rawRequest(scene.plain, 'GET / HTTP/1.0\r\nHost: localhost\r\n\r\n', {
      until: /never/,
    })
    assert.ok(reply.reset, 'a clean end would say that it is whole')
  })
})

describe('over HTTP/2', () => {
  for (const [what, script] of cuts) {
    test(what, async (t) => {
      const upstream = await startScriptedUpstream(t, script)
      const scene = await openScene(t, upstream.url, { route: 'timeouts: { response: 2s, idle: 300ms }' })
      const connection = await connectFrames(t, scene.secure)
      connection.send(headers(1, getFields()))
      const reset = await connection.waitFor(({ type }) => type === frameType.rstStream)
      assert.notEqual(reset.payload.readUInt32BE(0), 0, 'NO_ERROR would say that it is whole')
      assert.ok(
        !connection.frames.some(
          ({ stream, flags, type }) => stream === 1 && type < 2 && flags & flag.endStream,
        ),
      )
      assert.ok(!connection.ended, 'the other streams go on')
      await eventually(() => scene.proxy.gatehouse.inFlight.size === 0)
    })
  }
})

describe('of an upgrade that is refused', () => {
  for (const [what, script] of cuts) {
    test(what, async (t) => {
      const refusal = script.map((step) =>
        typeof step === 'string' ? step.replace('200 OK', '403 No') : step,
      )
      const upstream = await startScriptedUpstream(t, refusal)
      const scene = await openScene(t, upstream.url, { route: 'timeouts: { response: 2s, idle: 300ms }' })
      const reply = await rawRequest(scene.plain, upgradeHead('/', 'localhost'), { until: /never/ })
      assert.match(reply.text, /^$|^HTTP\/1\.1 403 /)
      assert.doesNotMatch(reply.text, /\r\n0\r\n|gateway|problem/i)
      assert.ok(reply.ended || reply.reset, 'the connection ends')
      await eventually(() => scene.proxy.gatehouse.inFlight.size === 0)
    })
  }
})

test('a response that is compressed on its way is cut as well, and not completed', async (t) => {
  const upstream = await startScriptedUpstream(t, [compressible, { pause: 20 }, 'RESET'])
  const scene = await openScene(t, upstream.url, { route: 'policies: { compress: {} }' })
  const head = 'GET / HTTP/1.1\r\nHost: localhost\r\nAccept-Encoding: gzip\r\n\r\n'
  const reply = await rawRequest(scene.plain, head, { until: /never/ })
  assert.match(reply.text, /content-encoding: gzip/i)
  assert.doesNotMatch(reply.text, /\r\n0\r\n/)
  assert.ok(reply.ended || reply.reset)
})
