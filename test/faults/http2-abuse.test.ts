/**
 * HTTP/2 as a weapon.
 *
 * Attacks: rapid reset and MadeYouReset (streams asked for and thrown away, or made to be reset by us, faster
 * than they count), floods of PING, SETTINGS, CONTINUATION and empty DATA, HPACK garbage (CVE-2025-59465), and
 * pipelining, which is the same over HTTP/1.1: each costs the client a few bytes and us an upstream connection.
 *
 * Right: upstream work per connection is bounded, the connection that abuses it ends, and everybody else, on
 * other connections, is served meanwhile.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { eventually } from '../harness/eventually.ts'
import { connectHttp2 } from '../harness/http2.ts'
import {
  connectFrames,
  data,
  encodeFields,
  type FrameConnection,
  flag,
  frame,
  frameType,
  getFields,
  headers,
  ping,
  preface,
  resetStream,
  settings,
  statusOf,
  windowUpdate,
} from '../harness/http2-frames.ts'
import { rawConnect, rawRequest } from '../harness/raw-request.ts'
import { startUpstream } from '../harness/upstream.ts'
import { openScene, type Scene, servesTheNext, startEcho } from './scene.ts'

test('a GET over HTTP/2 is served', async (t) => {
  const upstream = await startEcho(t)
  const scene = await openScene(t, upstream.url)
  assert.equal((await (await connectHttp2(t, scene.secure)).request('/')).status, 200)
})

test('rapid reset: few upstream connections are opened, and the connection ends', async (t) => {
  const upstream = await startUpstream(t, () => {})
  const scene = await openTwo(t, upstream.url)
  const connection = await connectFrames(t, scene.secure)
  for (let stream = 1; stream < 4000; stream += 2)
    connection.send(headers(stream, getFields()), resetStream(stream))
  await ends(connection)
  assert.ok(upstream.requests.length <= 300, `${upstream.requests.length} requests arrived`)
  await leavesNothing(scene)
  await eventually(() => upstream.connections.size === 0)
})

test('MadeYouReset: streams that we are made to reset count as well', async (t) => {
  const upstream = await startUpstream(t, () => {})
  const scene = await openTwo(t, upstream.url)
  const connection = await connectFrames(t, scene.secure)
  for (let stream = 1; stream < 4000; stream += 2)
    // A window of more than 2^31-1 is an error of the stream (RFC 9113 §6.9.1).
    connection.send(headers(stream, getFields()), windowUpdate(stream, 0x7fffffff))
  await ends(connection)
  assert.ok(upstream.requests.length <= 300, `${upstream.requests.length} requests arrived`)
  await leavesNothing(scene)
  await eventually(() => upstream.connections.size === 0)
})

test('no more streams than allowed are under way at once', async (t) => {
  const upstream = await startUpstream(t, () => {})
  const scene = await openTwo(t, upstream.url, 'streams: 10')
  const connection = await connectFrames(t, scene.secure)
  await connection.waitFor(({ type, flags }) => type === frameType.settings && (flags & flag.ack) === 0)
  for (let stream = 1; stream < 200; stream += 2) connection.send(headers(stream, getFields()))
  await connection.waitFor(({ type, stream }) => type === frameType.rstStream && stream === 199)
  await eventually(() => upstream.requests.length === 10)
  assert.equal(scene.proxy.gatehouse.inFlight.size, 10)
  await othersAreServed(scene)
})

test('pipelining over HTTP/1.1 is bounded: one request of a connection at a time', async (t) => {
  const upstream = await startUpstream(t, () => {})
  const scene = await openTwo(t, upstream.url)
  const client = await rawConnect(scene.plain)
  t.after(() => client.destroy())
  client.write('GET /x HTTP/1.1\r\nHost: localhost\r\n\r\n'.repeat(200))
  await eventually(() => upstream.requests.length > 0)
  await othersAreServed(scene)
  assert.equal(scene.proxy.gatehouse.inFlight.size, 1)
  client.destroy()
  await eventually(() => scene.proxy.gatehouse.inFlight.size === 0 && upstream.connections.size === 0)
  assert.equal(upstream.requests.length, 1)
})

test('what was pipelined is answered in order, however fast the answers came', async (t) => {
  const upstream = await startUpstream(t, (request, response) => {
    setTimeout(() => response.end(`<${request.url}>`), request.url === '/0' ? 50 : 0)
  })
  const scene = await openScene(t, upstream.url)
  const urls = Array.from({ length: 100 }, (_, n) => `/${n}`)
  const requests = urls.map((url) => `POST ${url} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\nhi`)
  const reply = await rawRequest(scene.plain, requests.join(''), { until: /<\/99>/ })
  assert.deepEqual(reply.text.match(/(?<=<)\/\d+(?=>)/g), urls)
  assert.deepEqual(
    upstream.requests.map(({ url }) => url),
    urls,
  )
})

const floods: [what: string, send: (connection: FrameConnection) => void][] = [
  ['PING', ({ send }) => send(...many(5000, () => ping()))],
  ['SETTINGS', ({ send }) => send(...many(5000, () => settings([[4, 65535]])))],
  [
    'CONTINUATION without end',
    ({ send }) => {
      send(frame(frameType.headers, 0, 1, encodeFields(getFields())))
      send(
        ...many(5000, (n) => frame(frameType.continuation, 0, 1, encodeFields([[`x-${n}`, 'y'.repeat(50)]]))),
      )
    },
  ],
  [
    'empty CONTINUATION without end',
    ({ send }) => {
      send(frame(frameType.headers, 0, 1, encodeFields(getFields())))
      send(...many(20_000, () => frame(frameType.continuation, 0, 1)))
    },
  ],
  [
    'empty DATA without end',
    ({ send }) => {
      const fields = getFields().map(([name, value]) => [name, name === ':method' ? 'POST' : value] as const)
      send(headers(1, fields, { endStream: false }), ...many(20_000, () => data(1, '', false)))
    },
  ],
  [
    'HPACK garbage',
    ({ send }) => send(frame(frameType.headers, flag.endHeaders | flag.endStream, 1, Buffer.alloc(50, 0xff))),
  ],
  [
    'a reference past the HPACK table',
    ({ send }) =>
      send(frame(frameType.headers, flag.endHeaders | flag.endStream, 1, Buffer.from([0xff, 0xff, 0x03]))),
  ],
  ['a HEADERS frame on stream 0', ({ send }) => send(headers(0, getFields()))],
  ['a HEADERS frame on an even stream', ({ send }) => send(headers(2, getFields()))],
  ['DATA on a stream that is idle', ({ send }) => send(data(5, 'x'))],
  ['a frame of more than we allow', ({ send }) => send(frame(frameType.data, 0, 1, Buffer.alloc(20_000)))],
  [
    'PUSH_PROMISE from a client',
    ({ send }) => send(frame(frameType.pushPromise, flag.endHeaders, 1, Buffer.from([0, 0, 0, 2]))),
  ],
  ['a PING of the wrong length', ({ send }) => send(ping('123'))],
  ['a window past 2^31', ({ send }) => send(windowUpdate(0, 0x7fffffff))],
  ['no preface', ({ socket }) => socket.write('GET / HTTP/1.1\r\nHost: localhost\r\n\r\n')],
  ['a preface that is none', ({ socket }) => socket.write(preface.replace('SM', 'XX'))],
]

for (const [what, send] of floods) {
  test(`${what} ends the connection, and no other`, async (t) => {
    const upstream = await startEcho(t)
    const scene = await openScene(t, upstream.url)
    const silent = what.includes('preface')
    const connection = await connectFrames(t, scene.secure, { silent })
    send(connection)
    await ends(connection)
    await servesTheNext(scene)
    assert.equal((await (await connectHttp2(t, scene.secure)).request('/')).status, 200)
    await eventually(() => scene.proxy.gatehouse.inFlight.size === 0)
  })
}

test('priorities that go in circles and unknown frames are ignored', async (t) => {
  const upstream = await startEcho(t)
  const scene = await openScene(t, upstream.url)
  const connection = await connectFrames(t, scene.secure)
  connection.send(
    frame(0xbe, 0xff, 0, 'unknown'),
    frame(frameType.priority, 0, 3, Buffer.from([0, 0, 0, 1, 1])),
  )
  connection.send(headers(1, getFields()))
  assert.equal(statusOf(await connection.waitFor(({ stream, type }) => stream === 1 && type === 1)), 200)
})

test('a body that goes on after its answer is cut off, and its exchange ends', async (t) => {
  // Otherwise the stream stays open for as long as the client likes, and keeps its connection from being idle.
  const upstream = await startUpstream(t, (_request, response) => {
    response.writeHead(413).end('too much')
  })
  const scene = await openScene(t, upstream.url)
  const connection = await connectFrames(t, scene.secure)
  const fields = getFields('/upload').map(
    ([name, value]) => [name, name === ':method' ? 'POST' : value] as const,
  )
  connection.send(headers(1, fields, { endStream: false }), data(1, 'a beginning', false))
  const ended = await connection.waitFor(
    ({ stream, type, flags }) => stream === 1 && type === 0 && (flags & 1) === 1,
  )
  assert.ok(ended)
  const reset = await connection.waitFor(({ stream, type }) => stream === 1 && type === frameType.rstStream)
  assert.equal(reset.payload.readUInt32BE(0), 0, 'NO_ERROR: the answer stands (RFC 9113 §8.1)')
  await eventually(() => scene.proxy.gatehouse.inFlight.size === 0)
})

function many(times: number, make: (index: number) => Buffer): Buffer[] {
  return Array.from({ length: times }, (_, index) => make(index))
}

/** By GOAWAY, by the end of the connection, or both. */
async function ends(connection: FrameConnection): Promise<void> {
  await eventually(() => connection.ended || connection.frames.some(({ type }) => type === frameType.goaway))
  connection.socket.destroy()
}

async function openTwo(t: Parameters<typeof openScene>[0], target: string, limits?: string): Promise<Scene> {
  const other = await startEcho(t)
  return openScene(t, target, {
    ...(limits === undefined ? {} : { limits }),
    upstream: `connectTimeout: 1s }\n  other: { targets: ["${other.url}"]`,
    routes: ['{ name: other, listeners: [http, https], match: { path: /other }, to: other }'],
  })
}

async function othersAreServed(scene: Scene): Promise<void> {
  await servesTheNext(scene, '/other')
}

async function leavesNothing(scene: Scene): Promise<void> {
  await othersAreServed(scene)
  await eventually(() => scene.proxy.gatehouse.inFlight.size === 0)
}
