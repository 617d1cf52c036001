/**
 * Clients that take their time.
 *
 * Attack: a connection that never finishes its handshake, its head, its header block or its body, or that asks
 * for much and reads nothing. On Node's HTTP/2 server all of these are still open after two minutes; a
 * whole-request limit, the usual cure, cuts slow uploads that are honest.
 *
 * Right: a limit on each silence, none on the whole; and whoever is slow is told, not his upstream blamed.
 */
import assert from 'node:assert/strict'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { eventually } from '../harness/eventually.ts'
import {
  connectFrames,
  data,
  encodeFields,
  frame,
  frameType,
  getFields,
  headers,
  preface,
  settings,
  statusOf,
} from '../harness/http2-frames.ts'
import { rawConnect, rawRequest } from '../harness/raw-request.ts'
import { startScriptedUpstream } from '../harness/scripted-upstream.ts'
import { tempFolder } from '../harness/temp-folder.ts'
import { startUpstream } from '../harness/upstream.ts'
import { openWebSocket, upgradeHead } from '../harness/websocket.ts'
import { finalHead, openScene, startEcho } from './scene.ts'

const limits = 'headTimeout: 400ms, keepAlive: 400ms'
const never = { until: /never/, timeout: 4000 }
const postFields = getFields('/up').map(
  ([name, value]) => [name, name === ':method' ? 'POST' : value] as const,
)

describe('what never gets to a request ends', { concurrency: true }, () => {
  for (const [what, bytes, tls] of [
    ['silence', '', false],
    ['half a request line', 'GET / HT', false],
    ['a head without end', ['GET / HTTP/1.1\r\n', ...drip('X: y\r\n')], false],
    ['a TLS handshake that never begins', '', 'handshake'],
    ['a TLS handshake that never ends', Buffer.from([0x16, 3, 1, 2, 0]), 'handshake'],
    ['silence after the TLS handshake', '', true],
    ['a head without end in TLS', ['GET / HTTP/1.1\r\n', ...drip('X: y\r\n')], true],
    ['an upgrade without end', [upgradeHead('/', 'h').slice(0, -2), ...drip('X: y\r\n')], false],
  ] as const) {
    test(what, async (t) => {
      const upstream = await startEcho(t)
      const scene = await openScene(t, upstream.url, { limits })
      const port = tls === false ? scene.plain : scene.secure
      const reply = await rawRequest(port, bytes as string, { ...never, tls: tls === true })
      assert.ok(reply.ended || reply.reset)
      assert.ok(reply.statuses.every((status) => status === 408 || status === 400))
      assert.equal(upstream.requests.length, 0)
    })
  }

  test('idle keep-alive', async (t) => {
    const upstream = await startEcho(t)
    const scene = await openScene(t, upstream.url, { limits })
    const reply = await rawRequest(scene.plain, 'GET / HTTP/1.1\r\nHost: localhost\r\n\r\n', never)
    assert.deepEqual(reply.statuses, [200])
    assert.ok(reply.ended)
  })

  for (const [what, begin] of [
    ['silence after ALPN chose HTTP/2', []],
    ['a preface and nothing more', [Buffer.from(preface)]],
    ['a preface, SETTINGS and nothing more', [Buffer.from(preface), settings()]],
    [
      'a header block without end',
      [Buffer.from(preface), settings(), frame(frameType.headers, 0, 1, encodeFields(getFields()))],
    ],
  ] as const) {
    test(what, async (t) => {
      const upstream = await startEcho(t)
      const scene = await openScene(t, upstream.url, { limits })
      const connection = await connectFrames(t, scene.secure, { silent: true })
      connection.send(...begin)
      await eventually(() => connection.ended)
      assert.equal(upstream.requests.length, 0)
    })
  }

  test('an idle HTTP/2 connection, however often it sends PING', async (t) => {
    const upstream = await startEcho(t)
    const scene = await openScene(t, upstream.url, { limits })
    const connection = await connectFrames(t, scene.secure)
    connection.send(headers(1, getFields()))
    await connection.waitFor(({ stream, type }) => stream === 1 && type === frameType.data)
    await eventually(() => {
      connection.send(frame(frameType.ping, 0, 0, '12345678'))
      return connection.ended
    })
  })
})

describe('a client that does not read', { concurrency: true }, () => {
  const endless = (t: Parameters<typeof startUpstream>[0]) =>
    startUpstream(t, (_request, response) => {
      const pump = (): void => {
        while (!response.destroyed && response.write(Buffer.alloc(65_536)));
      }
      response.on('drain', pump)
      pump()
    })

  test('over HTTP/1.1', async (t) => {
    const upstream = await endless(t)
    const scene = await openScene(t, upstream.url, {
      limits,
      route: 'timeouts: { response: 2s, idle: 400ms }',
    })
    const client = await rawConnect(scene.plain)
    t.after(() => client.destroy())
    client.pause()
    client.write('GET / HTTP/1.1\r\nHost: localhost\r\n\r\n')
    await eventually(() => upstream.connections.size === 1)
    await eventually(() => upstream.connections.size === 0)
    await eventually(() => scene.proxy.gatehouse.inFlight.size === 0)
  })

  test('over HTTP/2, whose window is zero', async (t) => {
    const upstream = await endless(t)
    const scene = await openScene(t, upstream.url, {
      limits,
      route: 'timeouts: { response: 2s, idle: 400ms }',
    })
    const connection = await connectFrames(t, scene.secure, { silent: true })
    // SETTINGS_INITIAL_WINDOW_SIZE (4) = 0
    connection.send(Buffer.from(preface), settings([[4, 0]]), headers(1, getFields()))
    await eventually(() => upstream.connections.size === 1)
    await eventually(() => upstream.connections.size === 0)
    await eventually(() => scene.proxy.gatehouse.inFlight.size === 0)
  })

  test('of a file', async (t) => {
    const folder = await tempFolder(t)
    await writeFile(join(folder, 'big'), Buffer.alloc(64 * 1024 * 1024))
    const scene = await openScene(t, 'http://127.0.0.1:1', {
      limits,
      routes: [
        `{ name: files, listeners: [http, https], match: { path: /files }, files: "${folder}", timeouts: { idle: 400ms } }`,
      ],
    })
    const client = await rawConnect(scene.plain)
    t.after(() => client.destroy())
    client.pause()
    client.write('GET /files/big HTTP/1.1\r\nHost: localhost\r\n\r\n')
    await eventually(() => scene.proxy.gatehouse.inFlight.size === 1)
    await eventually(() => scene.proxy.gatehouse.inFlight.size === 0)
  })

  test('of a tunnel, and one that says nothing in it', async (t) => {
    const upstream = await startEcho(t)
    const scene = await openScene(t, upstream.url, {
      limits,
      route: 'timeouts: { response: 2s, idle: 400ms }',
    })
    const { closed } = await openWebSocket(t, `ws://127.0.0.1:${scene.plain}/`)
    await closed
    await eventually(() => upstream.connections.size === 0)
    await eventually(() => scene.proxy.gatehouse.inFlight.size === 0)
  })
})

describe('an upload', { concurrency: true }, () => {
  test('may take longer than any limit, as long as it goes on', async (t) => {
    const upstream = await startEcho(t)
    const scene = await openScene(t, upstream.url, {
      limits,
      route: 'timeouts: { response: 500ms, idle: 500ms }',
    })
    const pieces = Array.from({ length: 12 }, () => ['hello', 100]).flat()
    const head = 'POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 60\r\n\r\n'
    const reply = await rawRequest(scene.plain, [head, ...pieces], { until: finalHead })
    assert.deepEqual(reply.statuses, [200])
  })

  test('that stops is the fault of the client, over HTTP/1.1', async (t) => {
    const upstream = await startEcho(t)
    const scene = await openScene(t, upstream.url, { route: 'timeouts: { response: 300ms, idle: 500ms }' })
    const head = 'POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 60\r\n\r\nhello'
    const reply = await rawRequest(scene.plain, head, { until: finalHead })
    assert.deepEqual(reply.statuses, [408])
    await eventually(() => upstream.connections.size === 0)
    await eventually(() => scene.proxy.gatehouse.inFlight.size === 0)
  })

  test('that stops is the fault of the client, over HTTP/2', async (t) => {
    const upstream = await startEcho(t)
    const scene = await openScene(t, upstream.url, { route: 'timeouts: { response: 300ms, idle: 500ms }' })
    const connection = await connectFrames(t, scene.secure)
    connection.send(headers(1, postFields, { endStream: false }), data(1, 'hello', false))
    assert.equal(statusOf(await connection.waitFor(({ stream, type }) => stream === 1 && type === 1)), 408)
    await eventually(() => upstream.connections.size === 0)
    await eventually(() => scene.proxy.gatehouse.inFlight.size === 0)
  })

  test('that the upstream does not read is the fault of the upstream', async (t) => {
    const upstream = await startUpstream(t, (request) => request.pause())
    const scene = await openScene(t, upstream.url, { route: 'timeouts: { response: 500ms, idle: 5s }' })
    const client = await rawConnect(scene.plain)
    t.after(() => client.destroy())
    let reply = ''
    client.on('data', (chunk) => {
      reply += chunk
    })
    client.write('POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99999999\r\n\r\n')
    client.write(Buffer.alloc(50_000_000))
    await eventually(() => /^HTTP\/1\.1 504/.test(reply))
  })

  test('that trickles below the least rate ends', { timeout: 40_000 }, async (t) => {
    const upstream = await startEcho(t)
    const scene = await openScene(t, upstream.url, { route: 'timeouts: { idle: 5s }' })
    const head = 'POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 600\r\n\r\n'
    const reply = await rawRequest(scene.plain, [head, ...drip('x', 300)], {
      until: finalHead,
      timeout: 30_000,
    })
    assert.deepEqual(reply.statuses, [408])
  })

  test('whose answer comes early is answered, though the client goes on sending', async (t) => {
    const upstream = await startScriptedUpstream(t, ['HTTP/1.1 413 Too Large\r\nContent-Length: 2\r\n\r\nno'])
    const scene = await openScene(t, upstream.url)
    const client = await rawConnect(scene.plain)
    t.after(() => client.destroy())
    let reply = ''
    client.on('data', (chunk) => {
      reply += chunk
    })
    client.write('POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 80000000\r\n\r\n')
    // A client that reads only when it has sent all: its bytes must be taken, or it never comes to read.
    client.pause()
    const sent = new Promise((resolve) => client.write(Buffer.alloc(40_000_000), resolve))
    await sent
    client.resume()
    await eventually(() => /^HTTP\/1\.1 413[\s\S]*no$/.test(reply))
  })
})

function drip(bytes: string, times = 100): (string | number)[] {
  return Array.from({ length: times }, () => [bytes, 50]).flat()
}
