import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { createServer, type Server } from 'node:net'
import { join } from 'node:path'
import { test } from 'node:test'
import { eventually } from '../harness/eventually.ts'
import { request } from '../harness/request.ts'
import { onEnd, type Teardown } from '../harness/teardown.ts'
import { startScene } from './scene.ts'

/**
 * A desktop that asks for a password which its user is never told. The service that starts it announces the field that
 * opens it, and the proxy shows that field to this target alone.
 */

const credential = `Basic ${Buffer.from('kasm_user:a-password-of-one-container').toString('base64')}`
const attack = `Basic ${Buffer.from('kasm_user:guess').toString('base64')}`

/** Keeps the exact bytes of each head, and answers as the server in a Kasm container does. */
async function startBytes(t: Teardown): Promise<{ url: string; heads: string[] }> {
  const heads: string[] = []
  const server: Server = createServer((socket) => {
    let head = ''
    socket.on('error', () => {})
    socket.on('data', (chunk) => {
      head += chunk.toString('latin1')
      if (!head.includes('\r\n\r\n')) return
      heads.push(head)
      if (head.includes('\r\nUpgrade: websocket\r\n'))
        socket.end('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n')
      else socket.end('HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok')
    })
  })
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
  onEnd(t, () => void server.close())
  return { url: `http://127.0.0.1:${(server.address() as { port: number }).port}`, heads }
}

test('a target is shown the credential that was announced for it, in place of whatever a client sent', async (t) => {
  const scene = await startScene(t)
  const { url, heads } = await startBytes(t)
  await scene.announce('desktop', url, { key: 'alice', headers: { Authorization: credential } }).heard
  await scene.announce('desktop', url, { key: 'bob' }).heard

  const plain = async (key: string, headers: Record<string, string>): Promise<string> => {
    await eventually(
      async () => (await request(`${scene.url}/desktop/${key}/page`, { headers })).status === 200,
    )
    return heads.at(-1) as string
  }
  const linesOf = (head: string, name: string) =>
    head.split('\r\n').filter((line) => line.toLowerCase().startsWith(`${name}:`))

  assert.deepEqual(linesOf(await plain('alice', {}), 'authorization'), [`Authorization: ${credential}`])
  // Spelt as servers look for it that compare letters, whoever asks and however.
  assert.deepEqual(linesOf(await plain('alice', { authorization: attack }), 'authorization'), [
    `Authorization: ${credential}`,
  ])
  // Another desktop's credential is no business of this one.
  assert.deepEqual(linesOf(await plain('bob', {}), 'authorization'), [])

  heads.length = 0
  await request(`${scene.url}/desktop/alice/websockify`, {
    headers: {
      connection: 'upgrade',
      upgrade: 'websocket',
      origin: 'https://desk.example.org',
      authorization: attack,
      'sec-websocket-version': '13',
      'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZQ==',
      'sec-websocket-protocol': 'binary',
    },
  }).catch(() => {})
  const [handshake = ''] = heads
  assert.deepEqual(linesOf(handshake, 'authorization'), [`Authorization: ${credential}`])
  for (const name of [
    'Host',
    'Connection',
    'Upgrade',
    'Origin',
    'Sec-WebSocket-Key',
    'Sec-WebSocket-Protocol',
  ])
    assert.ok(handshake.includes(`\r\n${name}: `), `${name} is missing or spelt otherwise:\n${handshake}`)

  // Nobody is told it, by page, by log or by audit.
  const report = (await request(`${scene.admin}/v1/upstreams`)).text
  assert.match(report, /"headers": \[\s*"Authorization"\s*\]/)
  const logs = ['audit.log', 'access.log'].map((name) => join(scene.folder, 'data/logs', name))
  for (const log of logs) await eventually(async () => (await readFile(log, 'utf8')) !== '')
  const told = [
    report,
    ...(await Promise.all(logs.map((log) => readFile(log, 'utf8')))),
    scene.proxy.output.stdout,
    scene.proxy.output.stderr,
  ].join('\n')
  assert.ok(!told.includes(credential.slice(6)), 'the credential was told')
})

test('a credential that changes holds for the next request, and one survives a restart of the proxy', async (t) => {
  const scene = await startScene(t, { workers: 1 })
  const { url, heads } = await startBytes(t)
  const words = (password: string) => ({ url, ttl: '1h', headers: { Authorization: password } })
  const shown = async (wanted: string): Promise<true> => {
    await request(`${scene.url}/desktop/alice/`).catch(() => {})
    assert.match(heads.at(-1) ?? '', new RegExp(`\r\nAuthorization: ${wanted}\r\n`))
    return true
  }
  assert.equal((await scene.call('PUT', 'desktop/keys/alice/targets/main', words('Basic first'))).status, 201)
  await eventually(() => shown('Basic first'))
  assert.equal(
    (await scene.call('PUT', 'desktop/keys/alice/targets/main', words('Basic second'))).status,
    200,
  )
  await eventually(() => shown('Basic second'))
  await scene.proxy.stop()
  await scene.start()
  heads.length = 0
  await eventually(() => shown('Basic second'))
})

test('no announcement can say who asks, or how a message is framed', async (t) => {
  const scene = await startScene(t, { workers: 1 })
  const { url } = await startBytes(t)
  const refused: [headers: object, why: RegExp][] = [
    [{ 'X-Forwarded-User': 'root' }, /said by the proxy itself/],
    [{ X_Forwarded_For: '127.0.0.1' }, /said by the proxy itself/],
    [{ host: 'other.example' }, /said by the proxy itself/],
    [{ 'Content-Length': '0' }, /belongs to the connection/],
    [{ 'transfer-encoding': 'chunked' }, /belongs to the connection/],
    [{ 'Sec-WebSocket-Key': 'x' }, /belongs to the connection/],
    [{ Authorization: 'Basic x\r\nX-Evil: 1' }, /holds what no field may hold/],
    [{ 'bad name': 'x' }, /is not a field name/],
    [{ Authorization: 'x'.repeat(1025) }, /longer than 1024/],
    [Object.fromEntries(Array.from({ length: 9 }, (_, i) => [`X-${i}`, 'x'])), /more than 8 entries/],
  ]
  for (const [headers, why] of refused) {
    const reply = await scene.call('PUT', 'desktop/keys/alice/targets/main', { url, headers })
    assert.equal(reply.status, 400, JSON.stringify(headers))
    assert.match(reply.text, why)
  }
})
