/**
 * TLS that is none, or is meant to break us.
 *
 * Attack: a name that makes the SNI callback throw (CVE-2026-21637), plain HTTP on the TLS port, garbage, an old
 * version, a client that resets in the middle of its handshake, renegotiation.
 *
 * Right: that connection ends, and the process serves the next one.
 */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { test } from 'node:test'
import { connect } from 'node:tls'
import { eventually } from '../harness/eventually.ts'
import { rawConnect, rawRequest } from '../harness/raw-request.ts'
import { finalHead, openScene, type Scene, startEcho } from './scene.ts'

for (const servername of [
  'localhost',
  'unknown.example',
  '__proto__',
  'constructor',
  'a..b',
  '*',
  '%00',
  'x'.repeat(255),
  '-',
  'xn--zz',
  'a b',
]) {
  test(`a client that asks for ${servername.slice(0, 20)} is served a certificate, or refused`, async (t) => {
    const upstream = await startEcho(t)
    const scene = await openScene(t, upstream.url)
    const socket = connect({ port: scene.secure, host: '127.0.0.1', servername, rejectUnauthorized: false })
    t.after(() => void socket.destroy())
    await Promise.race([once(socket, 'secureConnect'), once(socket, 'error')])
    await servesTheNextInTls(scene)
  })
}

for (const [what, bytes] of [
  ['plain HTTP', 'GET / HTTP/1.1\r\nHost: localhost\r\n\r\n'],
  ['garbage', Buffer.alloc(500, 0xa5)],
  ['a record that is too long', Buffer.from([0x16, 3, 1, 0xff, 0xff, ...Array(300).fill(1)])],
  ['a ClientHello cut short', Buffer.from([0x16, 3, 1, 0, 5, 1, 0, 0, 1, 3])],
  ['a PROXY header that nobody expects', 'PROXY TCP4 10.0.0.5 10.0.0.1 1 443\r\n'],
  ['an alert', Buffer.from([0x15, 3, 1, 0, 2, 2, 40])],
] as const) {
  test(`${what} instead of a handshake ends the connection alone`, async (t) => {
    const upstream = await startEcho(t)
    const scene = await openScene(t, upstream.url, { limits: 'headTimeout: 500ms' })
    const reply = await rawRequest(scene.secure, bytes, { until: /never/, timeout: 3000 })
    assert.ok(reply.ended || reply.reset)
    assert.deepEqual(reply.statuses, [])
    await servesTheNextInTls(scene)
  })
}

test('resets in the middle of the handshake leave nothing behind', async (t) => {
  const upstream = await startEcho(t)
  const scene = await openScene(t, upstream.url)
  for (let i = 0; i < 100; i++) {
    const socket = await rawConnect(scene.secure)
    socket.write(Buffer.from([0x16, 3, 1, 2, 0, 1, 0]))
    socket.resetAndDestroy()
  }
  await servesTheNextInTls(scene)
  await eventually(() => scene.proxy.gatehouse.inFlight.size === 0)
})

test('a version that is too old is refused', async (t) => {
  const upstream = await startEcho(t)
  const scene = await openScene(t, upstream.url)
  const old = { minVersion: 'TLSv1', maxVersion: 'TLSv1.1', ciphers: 'DEFAULT:@SECLEVEL=0' } as const
  const socket = connect({ port: scene.secure, host: '127.0.0.1', rejectUnauthorized: false, ...old })
  t.after(() => void socket.destroy())
  const [error] = await once(socket, 'error')
  assert.match(String(error), /alert|protocol|version/i)
  await servesTheNextInTls(scene)
})

test('a client cannot make us negotiate again', async (t) => {
  const upstream = await startEcho(t)
  const scene = await openScene(t, upstream.url)
  const socket = connect({
    port: scene.secure,
    host: '127.0.0.1',
    rejectUnauthorized: false,
    maxVersion: 'TLSv1.2',
  })
  t.after(() => void socket.destroy())
  socket.on('error', () => {})
  await once(socket, 'secureConnect')
  let renegotiated = 0
  const again = (): void => {
    if (socket.destroyed) return
    socket.renegotiate({ rejectUnauthorized: false }, (error) => {
      if (error) return
      renegotiated += 1
      again()
    })
  }
  again()
  // Asked for without end, it is granted a few times at most, and then the connection ends.
  socket.resume()
  await eventually(() => socket.destroyed)
  assert.ok(renegotiated <= 3, `${renegotiated} times`)
  await servesTheNextInTls(scene)
})

async function servesTheNextInTls({ secure }: Scene): Promise<void> {
  const reply = await rawRequest(secure, 'GET / HTTP/1.1\r\nHost: localhost\r\n\r\n', {
    tls: true,
    until: finalHead,
  })
  assert.deepEqual(reply.statuses, [200])
}
