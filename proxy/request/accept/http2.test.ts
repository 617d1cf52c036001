import assert from 'node:assert/strict'
import { once } from 'node:events'
import type { ServerResponse } from 'node:http'
import { type ClientHttp2Session, constants, type Http2ServerResponse } from 'node:http2'
import { test } from 'node:test'
import { connect, type TLSSocket } from 'node:tls'
import { eventually } from '../../../test/harness/eventually.ts'
import {
  answerWhoAsked,
  certificatesFor,
  http2Client,
  http2Get,
  type Listening,
  type ListeningOptions,
  listening,
} from '../../../test/harness/listening.ts'
import { onEnd, type Teardown } from '../../../test/harness/teardown.ts'

/** HPACK of `GET https://a/`. */
const requestBlock = '828784410161'
const preface = 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'

test('settings tell what a client may do', async (t) => {
  const open = await openHttps(t, { limits: { streams: 7, headerSize: 4096 } })
  const session = http2Client(t, open.port('https'))
  await once(session, 'remoteSettings')
  const { maxConcurrentStreams, initialWindowSize, maxHeaderListSize, enableConnectProtocol } =
    session.remoteSettings
  assert.deepEqual(
    [maxConcurrentStreams, initialWindowSize, maxHeaderListSize, enableConnectProtocol],
    [7, 1024 ** 2, 2 * 4096, false],
  )
})

test('too many fields are answered 431, but cookies count once', async (t) => {
  const open = await openHttps(t, { limits: { headerCount: 20 } })
  const session = http2Client(t, open.port('https'))
  const many = Object.fromEntries(Array.from({ length: 21 }, (_, at) => [`x-${at}`, 'y']))
  assert.equal((await http2Get(session, many)).status, 431)
  assert.equal(open.arrived.length, 0)
  const cookies = { cookie: Array.from({ length: 60 }, (_, at) => `a${at}=b`) } as never
  assert.equal((await http2Get(session, cookies)).status, 200)
})

test('a head that is too large is answered 431, and the connection lives on', async (t) => {
  // A browser whose cookies have grown past the limit showed nothing but a broken connection.
  const open = await openHttps(t, { limits: { headerSize: 4096 } })
  const session = http2Client(t, open.port('https'))
  assert.equal((await http2Get(session, { cookie: `a=${'b'.repeat(3500)}` })).status, 200)
  assert.equal((await http2Get(session, { cookie: `a=${'b'.repeat(4096)}` })).status, 431)
  assert.equal((await http2Get(session)).status, 200)
  assert.equal(open.arrived.length, 2)
  assert.deepEqual(open.clientErrors, ['https headers_too_large'])
})

test('100 is deferred, other expectations and CONNECT are refused', async (t) => {
  const open = await openHttps(t, {
    serve({ response, expectsContinue }) {
      ;(response as ServerResponse).end(`${expectsContinue}`)
    },
  })
  const session = http2Client(t, open.port('https'))
  let continued = 0
  const stream = session.request({ ':method': 'POST', ':path': '/', expect: '100-continue' })
  stream.on('continue', () => continued++)
  stream.setEncoding('utf8')
  assert.equal((await once(stream, 'data'))[0], 'true')
  stream.end()
  assert.equal(continued, 0)
  assert.equal((await http2Get(session, { expect: 'tea' })).status, 417)
  const tunnel = session.request({ ':method': 'CONNECT', ':authority': 'a:443' })
  assert.equal((await once(tunnel, 'response'))[0][':status'], 405)
})

test('a connection that never asks for anything is ended in time', async (t) => {
  const open = await openHttps(t, { limits: { headTimeout: 200 } })
  const rows: [string, Buffer | string][] = [
    ['silence after the handshake', ''],
    ['a preface and nothing more', Buffer.concat([Buffer.from(preface), frame(4, 0, 0)])],
    [
      'a header block without end',
      Buffer.concat([Buffer.from(preface), frame(4, 0, 0), frame(1, 0, 1, '82')]),
    ],
  ]
  const check = async ([name, bytes]: (typeof rows)[0]): Promise<void> => {
    const socket = await rawHttp2(t, open.port('https'))
    const began = performance.now()
    socket.write(bytes)
    await once(socket, 'close')
    const waited = performance.now() - began
    assert.ok(waited > 150 && waited < 1500, `${name}: ${waited} ms`)
  }
  await Promise.all(rows.map(check))
  const pinging = http2Client(t, open.port('https'))
  const pings = setInterval(() => pinging.destroyed || pinging.ping(() => {}), 20)
  onEnd(t, () => clearInterval(pings))
  await once(pinging, 'close')
  assert.equal(open.arrived.length, 0)
})

test('an idle connection is told goodbye, a busy one is kept', async (t) => {
  const held: Http2ServerResponse[] = []
  const open = await openHttps(t, {
    limits: { keepAlive: 150 },
    serve(incoming) {
      if (incoming.request.url === '/hold') held.push(incoming.response as Http2ServerResponse)
      else answerWhoAsked(incoming)
    },
  })
  const idle = http2Client(t, open.port('https'))
  const busy = http2Client(t, open.port('https'))
  const stream = busy.request({ ':path': '/hold' })
  await http2Get(idle)
  const goaway = once(idle, 'goaway')
  assert.equal((await goaway)[0], constants.NGHTTP2_NO_ERROR)
  await once(idle, 'close')
  assert.equal(busy.closed, false)
  held[0]?.end('held')
  assert.equal((await once(stream, 'response'))[0][':status'], 200)
})

test('a client that asks and then takes nothing loses its stream', async (t) => {
  let closed = 0
  const open = await openHttps(t, {
    limits: { keepAlive: 200, headTimeout: 100 },
    serve({ response }) {
      response.once('close', () => closed++)
      ;(response as ServerResponse).end(Buffer.alloc(1_000_000))
    },
  })
  const session = http2Client(t, open.port('https'), { settings: { initialWindowSize: 0 } })
  const stream = session.request({ ':path': '/' })
  stream.on('error', () => {})
  const began = performance.now()
  await once(stream, 'close')
  assert.equal(stream.rstCode, constants.NGHTTP2_CANCEL)
  assert.ok(performance.now() - began > 150)
  assert.equal(closed, 1)
})

// Attack: ask for much, take nothing, reset the stream with NO_ERROR, and do it again. Node waits for the end of a
// response that nobody will take, also when the connection has gone, so each round held a response, its upstream's
// connection and the session for ever.
for (const [what, begin] of [
  ['that is whole', (response) => response.end(Buffer.alloc(1_000_000))],
  ['that goes on', (response) => response.write(Buffer.alloc(1_000_000))],
] as [string, (response: ServerResponse) => void][]) {
  test(`a reset without an error ends a response ${what} and that nobody takes`, async (t) => {
    let begun = 0
    let closed = 0
    const open = await openHttps(t, {
      limits: { headTimeout: 100 },
      serve({ response }) {
        begun++
        response.once('close', () => closed++)
        begin(response as ServerResponse)
      },
    })
    const session = http2Client(t, open.port('https'), { settings: { initialWindowSize: 0 } })
    for (let i = 1; i <= 3; i++) {
      const stream = session.request({ ':path': '/' })
      await eventually(() => begun === i)
      stream.close(constants.NGHTTP2_NO_ERROR)
      await eventually(() => closed === i)
    }
    assert.equal((await http2Ping(session)).length, 8, 'the connection goes on')
    session.destroy()
    await eventually(() => open.connections().length === 0)
  })
}

test('a slow reader is not a stalled one', async (t) => {
  const open = await openHttps(t, {
    // It takes longer in all than it may take for nothing.
    limits: { keepAlive: 1_500, headTimeout: 30_000 },
    serve: ({ response }) => void (response as ServerResponse).end(Buffer.alloc(400_000)),
  })
  const session = http2Client(t, open.port('https'), { settings: { initialWindowSize: 40_000 } })
  const stream = session.request({ ':path': '/' })
  let bytes = 0
  stream.on('data', (chunk) => {
    bytes += chunk.length
    stream.pause()
    setTimeout(() => stream.resume(), 100)
  })
  await once(stream, 'close')
  assert.equal(bytes, 400_000)
})

// A code of no error is a cancellation like any other.
for (const code of ['00000008', '00000000']) {
  test(`rapid reset with code ${Number(code)} ends the connection, and hardly begins any work`, async (t) => {
    let working = 0
    let most = 0
    const open = await openHttps(t, {
      serve({ response }) {
        most = Math.max(most, ++working)
        response.once('close', () => working--)
      },
    })
    const socket = await rawHttp2(t, open.port('https'))
    let heard = Buffer.alloc(0)
    socket.on('data', (chunk) => {
      heard = Buffer.concat([heard, chunk])
    })
    socket.write(Buffer.concat([Buffer.from(preface), frame(4, 0, 0)]))
    // Each: a whole request, and its cancellation.
    const attack = Array.from({ length: 1000 }, (_, at) => [
      frame(1, 0x05, at * 2 + 1, requestBlock),
      frame(3, 0, at * 2 + 1, code),
    ]).flat()
    socket.write(Buffer.concat(attack))
    await once(socket, 'close')
    assert.ok(open.clientErrors.includes('https H2_RAPID_RESET'), open.clientErrors.join())
    assert.equal(goawayCode(heard), constants.NGHTTP2_ENHANCE_YOUR_CALM)
    assert.ok(most <= 100, `${most} at once`)
    await eventually(() => working === 0)
  })
}

test('a hundred pictures cancelled at once are no attack', async (t) => {
  const open = await openHttps(t, { serve: () => {} })
  const session = http2Client(t, open.port('https'))
  const streams = Array.from({ length: 100 }, () => session.request({ ':path': '/' }))
  await eventually(() => open.arrived.length === 100)
  for (const stream of streams) stream.close(constants.NGHTTP2_CANCEL)
  await Promise.all(streams.map((stream) => stream.destroyed || once(stream, 'close')))
  assert.equal(session.closed, false)
  assert.deepEqual(open.clientErrors, [])
})

test('floods of PING and SETTINGS end the connection', async (t) => {
  const open = await openHttps(t)
  const rows: [string, Buffer, string][] = [
    ['PING', frame(6, 0, 0, '0000000000000000'), 'https H2_PING_FLOOD'],
    ['SETTINGS', frame(4, 0, 0), 'https H2_SETTINGS_FLOOD'],
  ]
  for (const [name, bytes, code] of rows) {
    const socket = await rawHttp2(t, open.port('https'))
    socket.resume()
    socket.write(Buffer.concat([Buffer.from(preface), frame(4, 0, 0)]))
    socket.write(Buffer.concat(Array.from({ length: 5000 }, () => bytes)))
    await once(socket, 'close')
    assert.ok(open.clientErrors.includes(code), `${name}: ${open.clientErrors}`)
  }
})

test('nonsense and resets at every moment leave the process standing', async (t) => {
  const open = await openHttps(t, {
    serve({ response }) {
      ;(response as ServerResponse).write('x'.repeat(100_000))
    },
  })
  const begin = Buffer.concat([Buffer.from(preface), frame(4, 0, 0)])
  const request = frame(1, 0x04, 1, requestBlock)
  const moments: Buffer[] = [
    Buffer.from('GET / HTTP/1.1\r\n\r\n'),
    begin.subarray(0, 10),
    begin,
    Buffer.concat([begin, request]),
    Buffer.concat([begin, request, frame(0, 0, 1, 'ff'.repeat(1000))]),
    Buffer.concat([begin, frame(1, 0x05, 1, 'ff'.repeat(40))]),
    Buffer.concat([begin, frame(9, 4, 1, '82')]),
    Buffer.concat([begin, frame(8, 0, 0, '00000000')]),
    Buffer.concat([begin, request, frame(8, 0, 1, '7fffffff')]),
    Buffer.concat([begin, request, frame(5, 4, 1, '0000000282')]),
    Buffer.concat([begin, Buffer.from('ffffff0000000000', 'hex')]),
  ]
  for (const moment of moments)
    for (const pause of [0, 10]) {
      const socket = await rawHttp2(t, open.port('https'))
      socket.write(moment)
      if (pause > 0) await new Promise((resolve) => setTimeout(resolve, pause))
      socket.destroy()
    }
  await eventually(() => open.connections().length === 0)
  const session = http2Client(t, open.port('https'))
  const stream = session.request({ ':path': '/' })
  assert.equal((await once(stream, 'response'))[0][':status'], 200)
})

async function openHttps(t: Teardown, options: ListeningOptions = {}): Promise<Listening> {
  const { store } = await certificatesFor(t, ['localhost'])
  return listening(t, { listeners: { https: {} }, certificates: store, ...options })
}

/** A TLS connection that has agreed on h2 and has not said anything yet. */
async function rawHttp2(t: Teardown, port: number): Promise<TLSSocket> {
  const socket = connect({ port, host: '127.0.0.1', rejectUnauthorized: false, ALPNProtocols: ['h2'] })
  onEnd(t, () => void socket.destroy())
  await once(socket, 'secureConnect')
  socket.on('error', () => {})
  return socket.resume()
}

function frame(type: number, flags: number, stream: number, payload = ''): Buffer {
  const body = Buffer.from(payload, 'hex')
  const head = Buffer.alloc(9)
  head.writeUIntBE(body.length, 0, 3)
  head.writeUInt8(type, 3)
  head.writeUInt8(flags, 4)
  head.writeUInt32BE(stream, 5)
  return Buffer.concat([head, body])
}

/** The error code of the first GOAWAY among frames. */
function goawayCode(bytes: Buffer): number | undefined {
  for (let at = 0; at + 9 <= bytes.length; at += 9 + bytes.readUIntBE(at, 3))
    if (bytes[at + 3] === 7) return bytes.readUInt32BE(at + 13)
  return undefined
}

function http2Ping(session: ClientHttp2Session): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    session.ping((error, _duration, payload) => (error ? reject(error) : resolve(payload)))
  })
}
