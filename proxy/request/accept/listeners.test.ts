import assert from 'node:assert/strict'
import { once } from 'node:events'
import type { ServerResponse } from 'node:http'
import { type AddressInfo, createServer } from 'node:net'
import { test } from 'node:test'
import { eventually } from '../../../test/harness/eventually.ts'
import { certificatesFor, http2Client, http2Get, listening } from '../../../test/harness/listening.ts'
import { rawConnect, rawRequest } from '../../../test/harness/raw-request.ts'
import { onEnd } from '../../../test/harness/teardown.ts'
import { schema } from '../../config/schema.ts'

const get = 'GET /x HTTP/1.1\r\nHost: a\r\n\r\n'

test('HTTP/1.1, HTTP/1.1 over TLS and HTTP/2 arrive in one shape', async (t) => {
  const { store } = await certificatesFor(t, ['localhost'])
  const open = await listening(t, { listeners: { http: {}, https: {} }, certificates: store })
  assert.deepEqual(
    open.listeners.map(({ name, secure }) => [name, secure]),
    [
      ['http', false],
      ['https', true],
    ],
  )
  const plain = await rawRequest(open.port('http'), get, { until: /GET \/x\n/ })
  assert.match(plain.text, /^HTTP\/1\.1 200 OK[\s\S]*http 127\.0\.0\.1 \d+ GET \/x\n$/)
  const secure = await rawRequest(open.port('https'), get, { tls: true, until: /GET \/x\n/ })
  assert.match(secure.text, /^HTTP\/1\.1 200 OK[\s\S]*https 127\.0\.0\.1 \d+ GET \/x\n$/)
  const second = await http2Get(http2Client(t, open.port('https')), { ':path': '/y' })
  assert.equal(second.status, 200)
  assert.match(second.body, /^https 127\.0\.0\.1 \d+ GET \/y\n$/)

  const [first, overTls, overHttp2] = open.arrived
  assert.equal(first?.tls, undefined)
  assert.deepEqual(
    [overTls, overHttp2].map((incoming) => incoming?.tls),
    [
      {
        version: 'TLSv1.3',
        cipher: 'TLS_AES_128_GCM_SHA256',
        serverName: 'localhost',
        alpn: 'http/1.1',
        resumed: false,
        clientCertificate: undefined,
      },
      {
        version: 'TLSv1.3',
        cipher: 'TLS_AES_128_GCM_SHA256',
        serverName: 'localhost',
        alpn: 'h2',
        resumed: false,
        clientCertificate: undefined,
      },
    ],
  )
  assert.deepEqual(Object.keys(first ?? {}), Object.keys(overHttp2 ?? {}))
  assert.deepEqual(
    open.arrived.map(({ expectsContinue, upgrade }) => [expectsContinue, upgrade]),
    [
      [false, undefined],
      [false, undefined],
      [false, undefined],
    ],
  )
  assert.deepEqual(open.clientErrors, [])
})

test('what a connection has in common is worked out once', async (t) => {
  const { store } = await certificatesFor(t, ['localhost'])
  const open = await listening(t, { listeners: { https: {} }, certificates: store })
  await rawRequest(open.port('https'), get + get, { tls: true, until: /x\n[\s\S]*x\n/ })
  const session = http2Client(t, open.port('https'))
  await Promise.all([http2Get(session), http2Get(session)])
  const [a, b, c, d] = open.arrived
  assert.equal(a?.peer, b?.peer)
  assert.equal(a?.tls, b?.tls)
  assert.equal(c?.peer, d?.peer)
  assert.equal(c?.tls, d?.tls)
  assert.notEqual(a?.tls, c?.tls)
})

test('100 is deferred until somebody asks for the body, and other expectations are refused', async (t) => {
  const open = await listening(t, {
    serve({ request, response, expectsContinue }) {
      if (expectsContinue) response.writeContinue()
      request.on('data', () => {})
      request.on('end', () => (response as ServerResponse).end('taken'))
    },
  })
  const head = 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nExpect: '
  const asked = await rawRequest(open.port('http'), [`${head}100-continue\r\n\r\n`, 50, 'ok'], {
    until: /taken/,
  })
  assert.deepEqual(asked.statuses, [100, 200])
  assert.equal(open.arrived[0]?.expectsContinue, true)
  const odd = await rawRequest(open.port('http'), `${head}tea\r\n\r\n`)
  assert.deepEqual(odd.statuses, [417])
  assert.equal(odd.ended, true)
  assert.equal(open.arrived.length, 1)
})

test('connections are counted by listener and protocol, and the count falls when they end', async (t) => {
  const { store } = await certificatesFor(t, ['localhost'])
  const open = await listening(t, {
    listeners: { http: {}, https: {} },
    certificates: store,
    serve({ response, upgrade }) {
      if (upgrade) upgrade.socket.write('HTTP/1.1 101 Switching Protocols\r\n\r\n')
      else (response as ServerResponse).end()
    },
  })
  const sockets = [await rawConnect(open.port('http')), await rawConnect(open.port('http'))]
  for (const socket of sockets) onEnd(t, () => void socket.destroy())
  for (const socket of sockets) socket.resume().write(get)
  await http2Get(http2Client(t, open.port('https')))
  const tunnel = await rawConnect(open.port('http'))
  onEnd(t, () => void tunnel.destroy())
  tunnel.write('GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n')
  await once(tunnel, 'data')
  const counts = () =>
    open
      .connections()
      .map(({ listener, protocol, open }) => `${listener} ${protocol} ${open}`)
      .sort()
  assert.deepEqual(counts(), ['http http/1.1 2', 'http websocket 1', 'https h2 1'])
  for (const socket of sockets) socket.destroy()
  tunnel.destroy()
  await once(tunnel, 'close')
  await eventually(() => counts().join() === 'https h2 1')
})

test('a client may have so many connections and no more', async (t) => {
  const open = await listening(t, { limits: { connectionsPerClient: 2 } })
  const kept = [await rawConnect(open.port('http')), await rawConnect(open.port('http'))]
  for (const socket of kept) onEnd(t, () => void socket.destroy())
  const third = await rawRequest(open.port('http'), get)
  assert.deepEqual([third.text, third.ended], ['', true])
  assert.deepEqual(open.clientErrors, ['http TOO_MANY_CONNECTIONS'])
  kept[0]?.destroy()
  await eventually(() => open.connections()[0]?.open === 1)
  assert.deepEqual((await rawRequest(open.port('http'), get, { until: /\/x\n/ })).statuses, [200])
})

test('a listener that cannot be opened says why, and closes the others', async (t) => {
  const holder = createServer().listen(0, '127.0.0.1')
  onEnd(t, () => void holder.close())
  await once(holder, 'listening')
  const { port } = holder.address() as AddressInfo
  const first = createServer().listen(0, '127.0.0.1')
  await once(first, 'listening')
  const free = (first.address() as AddressInfo).port
  first.close()
  await once(first, 'close')
  await assert.rejects(listening(t, { listeners: { http: { port: free }, devices: { port } } }), {
    message: `listener devices: port ${port} is already in use by another process; choose another with DEVICES_PORT or stop it`,
  })
  const again = createServer().listen(free, '127.0.0.1')
  onEnd(t, () => void again.close())
  await once(again, 'listening')
  await assert.rejects(listening(t, { listeners: { http: { address: '192.0.2.1' } } }), {
    message: 'listener http: 192.0.2.1 is not an address of this machine',
  })
  await assert.rejects(listening(t, { listeners: { https: {} } }), {
    message: 'listener https: it speaks TLS, but there is no certificate',
  })
})

test('limits and trust can be changed while it runs', async (t) => {
  const open = await listening(t, { listeners: { http: { proxyProtocol: true } } })
  const asked = () =>
    rawRequest(open.port('http'), `PROXY TCP4 192.0.2.1 10.0.0.1 5 6\r\n${get}`, { until: /\/x\n/ })
  assert.equal((await asked()).text, '')
  const { limits } = schema.parse({ listeners: { http: { port: 0 } }, routes: [] })
  open.update({ limits: { ...limits, headerCount: 10 }, trustedProxies: ['127.0.0.1'] })
  assert.match((await asked()).text, /192\.0\.2\.1 5 GET/)
  const many = `PROXY UNKNOWN\r\nGET / HTTP/1.1\r\nHost: a\r\n${'X: y\r\n'.repeat(10)}\r\n`
  assert.deepEqual((await rawRequest(open.port('http'), many)).statuses, [431])
})
