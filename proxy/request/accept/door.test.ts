import assert from 'node:assert/strict'
import { connect as connectHttp2 } from 'node:http2'
import { test } from 'node:test'
import { connect as connectTls } from 'node:tls'
import { eventually } from '../../../test/harness/eventually.ts'
import { certificatesFor, http2Get, listening } from '../../../test/harness/listening.ts'
import { rawConnect, rawRequest } from '../../../test/harness/raw-request.ts'
import { onEnd } from '../../../test/harness/teardown.ts'

const get = 'GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n'
const text = 'PROXY TCP4 192.0.2.1 10.0.0.1 56324 443\r\n'
const binary = Buffer.from('0d0a0d0a000d0a515549540a2111000cc00002010a000001dc0401bb', 'hex')
const behindProxy = { listeners: { http: { proxyProtocol: true } }, trustedProxies: ['127.0.0.0/8'] }

test('the PROXY header names the client, however its bytes are cut', async (t) => {
  const open = await listening(t, behindProxy)
  const rows: [string, (string | Buffer | number)[]][] = [
    ['version 1 with the request', [text + get]],
    ['version 2 with the request', [Buffer.concat([binary, Buffer.from(get)])]],
    ['version 1 alone', [text, 30, get]],
    [
      'version 1 in pieces',
      ['PRO', 20, 'XY TCP4 192.0.2.1 10.0.0.1 56324 443', 20, '\r', 20, '\nGET', 20, get.slice(3)],
    ],
    [
      'version 2 in pieces',
      [binary.subarray(0, 5), 20, binary.subarray(5, 17), 20, binary.subarray(17), 20, get],
    ],
    ['every byte alone', [...(text + get)].flatMap((byte) => [byte, 0])],
  ]
  for (const [name, bytes] of rows) {
    const { text: reply } = await rawRequest(open.port('http'), bytes, { until: /GET \/\n/ })
    assert.match(reply, /\nhttp 192\.0\.2\.1 56324 GET \/\n/, name)
  }
  const local = await rawRequest(open.port('http'), `PROXY UNKNOWN\r\n${get}`, { until: /GET \/\n/ })
  assert.match(local.text, /http 127\.0\.0\.1 \d+ GET/)
  assert.deepEqual(open.clientErrors, [])
})

test('it comes before TLS, and holds for HTTP/2 as for HTTP/1.1', async (t) => {
  const { store } = await certificatesFor(t, ['localhost'])
  const open = await listening(t, {
    listeners: { https: { proxyProtocol: true } },
    trustedProxies: ['127.0.0.1'],
    certificates: store,
  })
  const overTls = async (alpn: string) => {
    const socket = await rawConnect(open.port('https'))
    onEnd(t, () => void socket.destroy())
    socket.write(binary)
    return connectTls({ socket, ALPNProtocols: [alpn], rejectUnauthorized: false, servername: 'localhost' })
  }
  const first = await overTls('http/1.1')
  first.write(get)
  let reply = ''
  first.on('data', (chunk) => {
    reply += chunk
  })
  await eventually(() => /https 192\.0\.2\.1 56324 GET \/\n/.test(reply))
  const socket = await overTls('h2')
  const session = connectHttp2('https://localhost', { createConnection: () => socket })
  onEnd(t, () => session.destroy())
  assert.equal((await http2Get(session)).body, 'https 192.0.2.1 56324 GET /\n')
})

test('nobody but a trusted proxy may announce a client, and nothing else may come first', async (t) => {
  const open = await listening(t, behindProxy)
  const rows: [string, string | Buffer][] = [
    ['no header', get],
    ['garbage', '\0\x01\x02garbage'],
    ['a line without end', `PROXY TCP4 ${'1'.repeat(200)}`],
    ['an ambiguous address', `PROXY TCP4 192.0.2 10.0.0.1 1 2\r\n${get}`],
    ['TLS', Buffer.from('16030100c8010000c40303', 'hex')],
  ]
  for (const [name, bytes] of rows) {
    const reply = await rawRequest(open.port('http'), bytes)
    assert.deepEqual([reply.text, reply.ended], ['', true], name)
  }
  const half = await rawRequest(open.port('http'), 'PROXY', { halfClose: true })
  assert.deepEqual([half.text, half.ended], ['', true])
  assert.deepEqual(new Set(open.clientErrors), new Set(['http PROXY_MALFORMED']))

  const stranger = await listening(t, { ...behindProxy, trustedProxies: ['192.0.2.0/24'] })
  const spoofed = await rawRequest(stranger.port('http'), text + get)
  assert.deepEqual([spoofed.text, spoofed.ended], ['', true])
  assert.deepEqual(stranger.clientErrors, ['http PROXY_UNTRUSTED'])
  assert.equal(open.arrived.length + stranger.arrived.length, 0)
})

test('a header that never ends is not waited for', async (t) => {
  const open = await listening(t, { ...behindProxy, limits: { headTimeout: 200 } })
  const socket = await rawConnect(open.port('http'))
  onEnd(t, () => void socket.destroy())
  let sent = 0
  // A byte now and then: never silent, and never done.
  const drip = setInterval(() => socket.write(text[sent++] ?? ''), 20)
  onEnd(t, () => clearInterval(drip))
  // A byte on its way to a connection that has ended is answered by a reset, which is an end like any other.
  socket.on('error', () => {})
  await new Promise((resolve) => socket.resume().once('close', resolve))
  assert.equal(sent < text.length, true)
})

test('without it a PROXY header is no request', async (t) => {
  const open = await listening(t)
  const reply = await rawRequest(open.port('http'), text + get)
  assert.deepEqual(reply.statuses, [400])
})

test('connections of one announced client count together', async (t) => {
  const open = await listening(t, { ...behindProxy, limits: { connectionsPerClient: 1 } })
  const kept = await rawConnect(open.port('http'))
  onEnd(t, () => void kept.destroy())
  kept.write(text)
  await eventually(() => open.connections()[0]?.protocol === 'http/1.1')
  assert.equal((await rawRequest(open.port('http'), text + get)).text, '')
  const other = await rawRequest(open.port('http'), text.replace('2.1', '2.2') + get, { until: /GET \/\n/ })
  assert.match(other.text, /192\.0\.2\.2/)
})
