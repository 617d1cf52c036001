import assert from 'node:assert/strict'
import { once } from 'node:events'
import { after, describe, test } from 'node:test'
import { WebSocket } from 'ws'
import { startProxy } from '../harness/proxy.ts'
import { onEnd } from '../harness/teardown.ts'
import { startUpstream } from '../harness/upstream.ts'
import { openWebSocket } from '../harness/websocket.ts'

/** A WebSocket works through the proxy as it would without it, over plain listeners and TLS, to either kind of upstream. */

const t = { after }
const options = { websocket: serveSocket }
const plain = await startUpstream(t, undefined, options)
const secure = await startUpstream(t, undefined, { ...options, tls: true })
const unix = await startUpstream(t, undefined, { ...options, unix: true })
const proxy = await startProxy(
  t,
  `
  listeners:
    http: { port: 0, address: 127.0.0.1 }
    https: { port: 0, address: 127.0.0.1 }
  upstreams:
    plain: { targets: ["${plain.url}"] }
    secure: { targets: ["${secure.url}"], tls: { insecureSkipVerify: true } }
    unix: { targets: ["${unix.url}"] }
  routes:
    - { name: plain, match: { path: /plain }, to: plain, listeners: [http, https] }
    - { name: secure, match: { path: /secure }, to: secure, listeners: [http, https] }
    - { name: unix, match: { path: /unix }, to: unix, listeners: [http, https] }
  `,
)

for (const listener of ['http', 'https'])
  for (const upstream of ['plain', 'secure', 'unix'])
    describe(`from ${listener} to ${upstream}`, () => {
      const address = `${proxy.url(listener).replace('http', 'ws')}/${upstream}/echo`

      test('text, binary and large messages come back as they were', async (t) => {
        const client = await openWebSocket(t, address)
        const large = Buffer.alloc(1024 ** 2, 'abcdefg')
        for (const message of [
          'hello',
          'h\u00e9llo \u{1f600}',
          '',
          Buffer.from([0, 255, 128, 10, 13]),
          large,
        ]) {
          client.send(message)
          assert.ok((await client.next()).equals(Buffer.from(message)), `${message.length} bytes`)
        }
        const kind = once(client.socket, 'message')
        client.send(Buffer.from('binary'))
        assert.equal((await kind)[1], true)
      })

      test('many messages at once stay in order', async (t) => {
        const client = await openWebSocket(t, address)
        for (let i = 0; i < 500; i++) client.send(`${i}`)
        for (let i = 0; i < 500; i++) assert.equal(`${await client.next()}`, `${i}`)
      })

      test('the code and reason of a close are heard on the other side, either way', async (t) => {
        const leaving = await openWebSocket(t, address)
        leaving.socket.close(4001, 'enough')
        assert.equal(await leaving.closed, 4001)
        const dismissed = await openWebSocket(t, address)
        const heard = once(dismissed.socket, 'close')
        dismissed.send('close 4002 go away')
        const [code, reason] = await heard
        assert.deepEqual([code, `${reason}`], [4002, 'go away'])
      })

      test('a ping is answered by the other side, with what it said', async (t) => {
        const client = await openWebSocket(t, address)
        const pong = once(client.socket, 'pong')
        client.socket.ping('are you there')
        assert.equal(`${(await pong)[0]}`, 'are you there')
      })

      test('the subprotocol is agreed with the upstream', async (t) => {
        const socket = new WebSocket(address, ['binary', 'base64'], { rejectUnauthorized: false })
        onEnd(t, () => socket.terminate())
        await once(socket, 'open')
        assert.equal(socket.protocol, 'binary')
      })

      test('the handshake brings path, query, cookies and the client', async (t) => {
        const client = await openWebSocket(t, `${address}?room=1`, { headers: { cookie: 'a=1' } })
        client.send('who')
        const seen = JSON.parse(`${await client.next()}`)
        assert.equal(seen.url, `/${upstream}/echo?room=1`)
        assert.equal(seen.headers.cookie, 'a=1')
        assert.equal(seen.headers['x-forwarded-for'], '127.0.0.1')
        assert.equal(seen.headers['x-forwarded-proto'], listener)
      })
    })

/** Echoes, tells what it saw, or closes with a code that it is asked for. */
function serveSocket(socket: import('ws').WebSocket, request: import('node:http').IncomingMessage): void {
  socket.on('message', (data, isBinary) => {
    const text = isBinary ? '' : `${data}`
    const close = /^close (\d+) (.*)$/.exec(text)
    if (close) socket.close(Number(close[1]), close[2])
    else if (text === 'who') socket.send(JSON.stringify({ url: request.url, headers: request.headers }))
    else socket.send(data, { binary: isBinary })
  })
}
