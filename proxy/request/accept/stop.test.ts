import assert from 'node:assert/strict'
import { once } from 'node:events'
import type { ServerResponse } from 'node:http'
import type { Http2ServerResponse } from 'node:http2'
import { test } from 'node:test'
import { eventually } from '../../../test/harness/eventually.ts'
import {
  answerWhoAsked,
  certificatesFor,
  http2Client,
  http2Get,
  listening,
} from '../../../test/harness/listening.ts'
import { rawConnect, rawRequest } from '../../../test/harness/raw-request.ts'
import { onEnd } from '../../../test/harness/teardown.ts'
import type { Incoming } from './incoming.ts'

const get = (path: string): string => `GET ${path} HTTP/1.1\r\nHost: a\r\n\r\n`

test('a stop ends idle connections at once and busy ones after their answer', async (t) => {
  const { store } = await certificatesFor(t, ['localhost'])
  const held: Incoming[] = []
  const open = await listening(t, {
    listeners: { http: {}, https: {} },
    certificates: store,
    serve(incoming) {
      if (incoming.request.url === '/hold') held.push(incoming)
      else answerWhoAsked(incoming)
    },
  })
  const idle = rawRequest(open.port('http'), get('/'), { idle: 5000 })
  const idleTls = rawRequest(open.port('https'), get('/'), { tls: true, idle: 5000 })
  const untouched = rawRequest(open.port('http'), '', { timeout: 4000 })
  const busy = rawRequest(open.port('http'), get('/hold'), { idle: 5000 })
  const busyTls = rawRequest(open.port('https'), get('/hold'), { tls: true, idle: 5000 })
  const http2 = http2Client(t, open.port('https'))
  const idleHttp2 = http2Client(t, open.port('https'))
  await http2Get(idleHttp2)
  const stream = http2.request({ ':path': '/hold' })
  stream.setEncoding('utf8')
  const goaway = once(http2, 'goaway')
  await eventually(() => held.length === 3 && open.arrived.length === 6)

  const closed = open.close({ deadline: 5000 })
  for (const connection of [idle, idleTls, untouched]) {
    const reply = await connection
    assert.deepEqual([reply.ended, reply.reset], [true, false])
  }
  await Promise.all([goaway, idleHttp2.closed || once(idleHttp2, 'close')])
  await assert.rejects(rawRequest(open.port('http'), get('/')), /ECONNREFUSED/)

  for (const { response } of held) (response as ServerResponse | Http2ServerResponse).end('held')
  for (const connection of [busy, busyTls]) {
    const { text, ended } = await connection
    assert.match(text, /\r\nConnection: close\r\n[\s\S]*held/)
    assert.equal(ended, true)
  }
  assert.equal((await once(stream, 'data'))[0], 'held')
  await closed
  assert.deepEqual(open.connections(), [])
})

test('a response that has begun goes on to its end, and a kept connection ends after it', async (t) => {
  const held: Incoming[] = []
  const open = await listening(t, {
    serve(incoming) {
      held.push(incoming)
      ;(incoming.response as ServerResponse).write('first')
    },
  })
  const reply = rawRequest(open.port('http'), get('/'), { idle: 5000 })
  await eventually(() => held.length === 1)
  const closed = open.close({ deadline: 5000 })
  for (const { response } of held) (response as ServerResponse).end('last')
  const { text, ended } = await reply
  assert.match(text, /first[\s\S]*last\r\n0\r\n\r\n$/)
  assert.equal(ended, true)
  await closed
})

test('what has not ended by the deadline is cut: exchanges, tunnels, and half a handshake', async (t) => {
  const { store } = await certificatesFor(t, ['localhost'])
  const open = await listening(t, {
    listeners: { http: {}, https: {} },
    certificates: store,
    serve: () => {},
  })
  const upgrade = 'GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n'
  const sockets = [
    await rawConnect(open.port('http')),
    await rawConnect(open.port('http')),
    await rawConnect(open.port('https')),
  ]
  for (const socket of sockets) onEnd(t, () => void socket.destroy())
  sockets[0]?.write(get('/'))
  sockets[1]?.write(upgrade)
  http2Client(t, open.port('https'))
    .request({ ':path': '/' })
    .on('error', () => {})
  await eventually(() => open.arrived.length === 3)
  const ends = sockets.map((socket) => once(socket.resume(), 'close'))
  const began = performance.now()
  await open.close({ deadline: 200 })
  const waited = performance.now() - began
  assert.ok(waited >= 190 && waited < 10_000, `${waited} ms`)
  await Promise.all(ends)
  assert.deepEqual(open.connections(), [])
})

test('a request that comes while we stop is answered as the last of its connection', async (t) => {
  const open = await listening(t)
  const socket = await rawConnect(open.port('http'))
  onEnd(t, () => void socket.destroy())
  socket.write('GET / HTTP/1.1\r\nHos')
  await eventually(() => open.connections()[0]?.protocol === 'http/1.1')
  await new Promise((resolve) => setTimeout(resolve, 20))
  open.stopAccepting()
  socket.write('t: a\r\n\r\n')
  const [answer] = await once(socket, 'data')
  assert.match(String(answer), /^HTTP\/1\.1 200[\s\S]*Connection: close/)
})
