import assert from 'node:assert/strict'
import { once } from 'node:events'
import type { ServerResponse } from 'node:http'
import { test } from 'node:test'
import { WebSocket, WebSocketServer } from 'ws'
import { eventually } from '../../../test/harness/eventually.ts'
import { certificatesFor, listening } from '../../../test/harness/listening.ts'
import { rawConnect, rawRequest } from '../../../test/harness/raw-request.ts'
import { onEnd } from '../../../test/harness/teardown.ts'
import type { Incoming } from './incoming.ts'

const fields = 'Host: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n'
const handshake = `GET /ws HTTP/1.1\r\n${fields}\r\n`

test('a handshake arrives like any request, and its socket makes a tunnel', async (t) => {
  const { store } = await certificatesFor(t, ['localhost'])
  const sockets = new WebSocketServer({ noServer: true })
  const open = await listening(t, {
    listeners: { http: {}, https: {} },
    certificates: store,
    serve({ request, response, upgrade }) {
      if (upgrade === undefined) return
      ;(response as ServerResponse).detachSocket(request.socket)
      sockets.handleUpgrade(request as never, upgrade.socket, upgrade.head, (client) =>
        client.on('message', (data) => client.send(`echo ${data}`)),
      )
    },
  })
  for (const address of [`ws://127.0.0.1:${open.port('http')}/`, `wss://127.0.0.1:${open.port('https')}/`]) {
    const client = new WebSocket(address, { rejectUnauthorized: false })
    onEnd(t, () => client.terminate())
    await once(client, 'open')
    client.send('hello')
    assert.equal(String((await once(client, 'message'))[0]), 'echo hello')
  }
  assert.deepEqual(
    open.arrived.map(({ listener, tls }) => [listener.name, tls?.alpn]),
    [
      ['http', undefined],
      ['https', ''],
    ],
  )
})

test('a refusal is written like any response, and ends the connection', async (t) => {
  let closed = 0
  const open = await listening(t, {
    serve({ response }) {
      response.once('close', () => closed++)
      ;(response as ServerResponse).writeHead(403, { 'x-why': 'because' }).end('not you')
    },
  })
  const reply = await rawRequest(open.port('http'), handshake, { idle: 2000 })
  assert.deepEqual([reply.statuses, reply.ended, reply.reset], [[403], true, false])
  assert.match(reply.text, /x-why: because[\s\S]*Connection: close[\s\S]*not you/)
  assert.equal(closed, 1)
})

test('a large refusal arrives whole', async (t) => {
  const body = Buffer.alloc(3_000_000, 'x')
  const open = await listening(t, {
    async serve({ response }) {
      for (let at = 0; at < body.length; at += 100_000)
        if (!(response as ServerResponse).write(body.subarray(at, at + 100_000)))
          await once(response, 'drain')
      ;(response as ServerResponse).end('end')
    },
  })
  const reply = await rawRequest(open.port('http'), handshake, { idle: 2000 })
  assert.ok(reply.text.length > body.length)
  assert.match(reply.text.slice(-20), /end\r\n0\r\n\r\n$/)
})

test('a handshake that is none is refused and never served', async (t) => {
  const open = await listening(t)
  const rows: [string, string, number?][] = [
    ['POST', `POST /ws HTTP/1.1\r\n${fields}\r\n`],
    ['HTTP/1.0', `GET /ws HTTP/1.0\r\n${fields}\r\n`],
    ['a length', `GET /ws HTTP/1.1\r\n${fields}Content-Length: 3\r\n\r\nabc`],
    ['chunks', `GET /ws HTTP/1.1\r\n${fields}Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n`],
    ['many fields', `GET /ws HTTP/1.1\r\n${fields}${'X: y\r\n'.repeat(98)}\r\n`, 431],
  ]
  for (const [name, bytes, status = 400] of rows) {
    const reply = await rawRequest(open.port('http'), bytes, { idle: 1500 })
    assert.deepEqual([reply.statuses, reply.ended], [[status], true], name)
  }
  assert.equal(open.arrived.length, 0)
  const empty = `GET /ws HTTP/1.1\r\n${fields}Content-Length: 0\r\n\r\n`
  assert.deepEqual((await rawRequest(open.port('http'), empty)).statuses, [200])
  assert.notEqual(open.arrived[0]?.upgrade, undefined)
})

test('odd targets reach the pipeline, which refuses them; nothing throws', async (t) => {
  const open = await listening(t)
  for (const target of ['http://[::1/x', '//', '*', 'a:b', '/\\x']) {
    const reply = await rawRequest(open.port('http'), `GET ${target} HTTP/1.1\r\n${fields}\r\n`)
    assert.equal(reply.statuses.length, 1, target)
  }
})

test('bytes behind the handshake are handed over, none is lost', async (t) => {
  const heads: string[] = []
  const open = await listening(t, {
    serve({ response, upgrade }) {
      heads.push(String(upgrade?.head))
      ;(response as ServerResponse).end()
    },
  })
  await rawRequest(open.port('http'), `${handshake}early`)
  assert.deepEqual(heads, ['early'])
})

test('a client that leaves while nobody has decided is noticed, however it leaves', async (t) => {
  const waiting: Incoming[] = []
  const open = await listening(t, { serve: (incoming) => void waiting.push(incoming) })
  for (const leave of ['end', 'destroy', 'resetAndDestroy'] as const) {
    const socket = await rawConnect(open.port('http'))
    onEnd(t, () => void socket.destroy())
    socket.write(handshake)
    const { response } = await eventually(() => waiting.pop())
    const closed = once(response, 'close')
    socket[leave]()
    await closed
    await eventually(() => open.connections().length === 0)
  }
})

test('behind a request that is still being answered a handshake gets no answer, and the request gets its own', async (t) => {
  const open = await listening(t, {
    serve: ({ response }) => void setTimeout(() => (response as ServerResponse).end('first'), 50),
  })
  const get = 'GET / HTTP/1.1\r\nHost: a\r\n\r\n'
  const reply = await rawRequest(open.port('http'), get + handshake, { until: /never/ })
  assert.deepEqual([reply.statuses, reply.ended], [[200], true])
  assert.match(reply.text, /first$/)
  assert.equal(open.arrived.length, 1)
})

test('a client that leaves before that answer is noticed', async (t) => {
  const waiting: Incoming[] = []
  const open = await listening(t, { serve: (incoming) => void waiting.push(incoming) })
  const socket = await rawConnect(open.port('http'))
  socket.write(`GET / HTTP/1.1\r\nHost: a\r\n\r\n${handshake}`)
  const { response } = await eventually(() => waiting.pop())
  const closed = once(response, 'close')
  socket.destroy()
  await closed
  await eventually(() => open.connections().length === 0)
})
