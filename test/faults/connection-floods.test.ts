/**
 * Connections without number.
 *
 * Attack: one client opens connections and holds them, idle, in the midst of a TLS handshake or of a head. Each costs
 * it a port, and the proxy a descriptor and some 50 KB, until there are none left for anybody else.
 *
 * Right: one address (an IPv6 /64 counts as one) has so many and no more; what is past that is cut before a byte is
 * read, others are served meanwhile, and what the flood held is given back. A trusted proxy brings the connections of
 * many, so it is not counted, and the operator hears of the crowd once, because it may be a proxy that nobody named.
 */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { writeFile } from 'node:fs/promises'
import { connect, type Socket } from 'node:net'
import { join } from 'node:path'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { connect as connectTls } from 'node:tls'
import type { StartReport } from '../../proxy/cli/start-text.ts'
import { schema } from '../../proxy/config/schema.ts'
import { startCli } from '../harness/cli.ts'
import { eventually } from '../harness/eventually.ts'
import { rawRequest } from '../harness/raw-request.ts'
import { request } from '../harness/request.ts'
import { onEnd, type Teardown } from '../harness/teardown.ts'
import { tempFolder } from '../harness/temp-folder.ts'
import { openWebSocket } from '../harness/websocket.ts'
import { openScene, type Scene, startEcho } from './scene.ts'

const most = 20
const flood = 200
const flooder = '127.0.0.66'

/** How each connection of the flood begins, and on which of the ports. */
const beginnings: [what: string, port: 'plain' | 'secure', first: string | Buffer][] = [
  ['that say nothing', 'plain', ''],
  ['with half a head', 'plain', 'GET / HTTP/1.1\r\nHost: local'],
  ['that say nothing, where TLS is spoken', 'secure', ''],
  ['with half a handshake', 'secure', Buffer.from('1603010200010001fc0303', 'hex')],
]

for (const [what, port, first] of beginnings) {
  test(`of a flood of connections ${what}, the most that one address may have stay, and others are served`, async (t) => {
    const upstream = await startEcho(t)
    const scene = await openScene(t, upstream.url, { limits: `connectionsPerClient: ${most}` })
    const sockets = openFlood(t, scene[port], first)
    await eventually(() => sockets.filter(({ closed }) => closed).length === flood - most)
    await othersAreServed(scene)
    assert.equal(sockets.filter(({ closed }) => closed).length, flood - most)
    assert.equal(scene.proxy.troubles.filter((each) => each.includes('connectionsPerClient')).length, 1)
    assert.match(scene.proxy.troubles.join(), /127\.0\.0\.66 has as many connections as .* trustedProxies/)

    // Its places are given back with its connections.
    for (const socket of sockets) socket.destroy()
    await eventually(async () => (await request(scene.proxy.url('http'), { from: flooder })).status === 200)
  })
}

test('a tunnel and an HTTP/2 connection count like any other', async (t) => {
  const upstream = await startEcho(t)
  const scene = await openScene(t, upstream.url, { limits: 'connectionsPerClient: 2' })
  await openWebSocket(t, `ws://127.0.0.1:${scene.plain}/`)
  const second = connectTls({ port: scene.secure, rejectUnauthorized: false, ALPNProtocols: ['h2'] })
  onEnd(t, () => void second.destroy())
  await once(second, 'secureConnect')
  const third = await rawRequest(scene.plain, 'GET / HTTP/1.1\r\nHost: localhost\r\n\r\n')
  assert.deepEqual([third.text, third.ended || third.reset], ['', true])
})

test('a trusted proxy has as many as it likes', async (t) => {
  const upstream = await startEcho(t)
  const scene = await openScene(t, upstream.url, {
    limits: `connectionsPerClient: ${most}`,
    more: `trustedProxies: [${flooder}]`,
  })
  const sockets = openFlood(t, scene.plain, '')
  await Promise.all(sockets.map((socket) => once(socket, 'connect')))
  const last = await request(scene.proxy.url('http'), { from: flooder })
  assert.equal(last.status, 200)
  assert.ok(sockets.every(({ closed }) => !closed))
  assert.deepEqual(scene.proxy.troubles, [])
})

test('a flood from many addresses that takes every descriptor ends nothing, and is over when it is over', async (t) => {
  const upstream = await startEcho(t)
  const folder = await tempFolder(t)
  await writeFile(
    join(folder, 'routes.yaml'),
    `
listeners: { http: { port: 0, address: 127.0.0.1 } }
admin: { port: 0 }
workers: 2
limits: { delay: 0s }
upstreams: { app: { targets: ["${upstream.url}"] } }
routes: [{ name: app, to: app }]
`,
  )
  const by = ['prlimit', '--nofile=120:120']
  const cli = startCli(t, ['serve', '--json', '--no-first-start'], { cwd: folder, by })
  const [said] = await cli.said(/^\{.*"routes".*\}$/m, 30_000)
  const { listeners }: StartReport = JSON.parse(said)
  const url = `http://127.0.0.1:${new URL(listeners.http as string).port}/`
  const port = Number(new URL(url).port)
  assert.equal((await request(url)).status, 200)
  for (let round = 0; round < 2; round++) {
    const sockets = Array.from({ length: 500 }, (_, at) => {
      const socket = connect({ port, host: '127.0.0.1', localAddress: `127.0.1.${1 + (at % 250)}` })
      onEnd(t, () => void socket.destroy())
      socket.on('error', () => {})
      socket.write('GET / HTTP/1.1\r\nHost: localhost\r\n\r\n')
      return socket
    })
    await eventually(() => sockets.every(({ connecting }) => !connecting))
    await sleep(500)
    for (const socket of sockets) socket.destroy()
    await eventually(async () => (await request(url).catch(() => undefined))?.status === 200, {
      timeout: 20_000,
    })
  }
  assert.doesNotMatch(cli.output.stderr, /a worker has ended|unhandled|uncaught/i)
  assert.equal(cli.child.exitCode, null)
})

test('there is such a limit where nobody wrote one', () => {
  const { limits } = schema.parse({ listeners: { http: { port: 0 } }, routes: [] })
  assert.ok(limits.connectionsPerClient >= 100 && limits.connectionsPerClient <= 10_000)
})

function openFlood(t: Teardown, port: number, first: string | Buffer): Socket[] {
  return Array.from({ length: flood }, () => {
    const socket = connect({ port, host: '127.0.0.1', localAddress: flooder })
    onEnd(t, () => void socket.destroy())
    socket.on('error', () => {})
    socket.resume()
    if (first !== '') socket.write(first)
    return socket
  })
}

async function othersAreServed({ proxy }: Scene): Promise<void> {
  for (const url of [proxy.url('http'), proxy.url('https')]) assert.equal((await request(url)).status, 200)
}
