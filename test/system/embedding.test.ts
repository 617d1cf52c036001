import assert from 'node:assert/strict'
import { once } from 'node:events'
import { readFile, writeFile } from 'node:fs/promises'
import { createServer, type RequestListener, type Server } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { test } from 'node:test'
import express from 'express'
import { WebSocketServer } from 'ws'
import { embed } from '../../proxy/index.ts'
import { selfSigned } from '../harness/certificate.ts'
import { eventually } from '../harness/eventually.ts'
import { request } from '../harness/request.ts'
import { onEnd, type Teardown } from '../harness/teardown.ts'
import { tempFolder } from '../harness/temp-folder.ts'
import { closeServer, type Echo, startUpstream, trackConnections } from '../harness/upstream.ts'
import { openWebSocket } from '../harness/websocket.ts'
import { projectFolder } from './shipped.ts'

/** A program that has a server already puts a Gatehouse behind it, and keeps what it had. */

async function gatehouseIn(t: Teardown) {
  const folder = await tempFolder(t)
  const upstream = await startUpstream(t, undefined, {
    websocket: (socket) => socket.on('message', (message) => socket.send(`relayed ${message}`)),
  })
  const text = `
listeners: { http: { port: 80 } }
extensions: { refuseAgents: ${projectFolder}/docs/examples/refuse-agents.ts }
upstreams: { app: { targets: ["${upstream.url}"] } }
routes:
  - { name: app, match: { path: /app }, to: app, middleware: [{ use: refuseAgents, options: { names: [robot] } }] }
  - { name: closed, match: { path: /closed }, to: app, policies: { allow: [10.0.0.5] } }
`
  await writeFile(join(folder, 'routes.yaml'), text)
  const gatehouse = await embed({ file: join(folder, 'routes.yaml') })
  onEnd(t, () => gatehouse.close())
  return { gatehouse, folder, upstream }
}

async function listen<T extends Server>(t: Teardown, server: T): Promise<number> {
  const connections = trackConnections(server)
  onEnd(t, () => closeServer(server, connections))
  await once(server.listen(0, '127.0.0.1'), 'listening')
  return (server.address() as AddressInfo).port
}

const robot = { 'user-agent': 'robot' }

for (const kind of ['Node server', 'Express app'])
  test(`a ${kind} keeps its own paths and its own WebSockets, and the rest goes through`, async (t) => {
    const { gatehouse, upstream } = await gatehouseIn(t)
    const own: RequestListener = (_incoming, response) => response.end('mine')
    const app = express()
    app.get('/mine', own)
    app.post('/mine/json', express.json(), (incoming, response) => void response.json(incoming.body))
    app.use(gatehouse.handler)
    const bare: RequestListener = (incoming, response) =>
      (incoming.url === '/mine' ? own : gatehouse.handler)(incoming, response)
    const server = createServer(kind === 'Node server' ? bare : app)
    const sockets = new WebSocketServer({ noServer: true })
    server.on('upgrade', (incoming, socket, head) => {
      if (incoming.url !== '/mine/socket') return gatehouse.upgrade(incoming, socket, head)
      sockets.handleUpgrade(incoming, socket, head, (each) => each.send('mine'))
    })
    const port = await listen(t, server)
    const url = `http://127.0.0.1:${port}`

    assert.equal((await request(`${url}/mine`)).text, 'mine')
    const body = 'x'.repeat(300_000)
    const relayed = await request(`${url}/app/x?y`, { method: 'POST', body })
    const echo = JSON.parse(relayed.text) as Echo
    assert.deepEqual([relayed.status, echo.url, echo.body], [200, '/app/x?y', body])
    assert.equal(echo.headers['x-forwarded-for'], '127.0.0.1')
    for (const [path, headers, status] of [
      ['/app', robot, 403],
      ['/closed', {}, 403],
      ['/nowhere', {}, 404],
    ] as const)
      assert.equal((await request(url + path, { headers })).status, status, path)
    if (kind === 'Express app') {
      const json = await request(`${url}/mine/json`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: '{"a":1}',
      })
      assert.equal(json.text, '{"a":1}')
    }

    const mine = await openWebSocket(t, `ws://127.0.0.1:${port}/mine/socket`)
    assert.equal(`${await mine.next()}`, 'mine')
    const tunnel = await openWebSocket(t, `ws://127.0.0.1:${port}/app/socket`)
    tunnel.send('hello')
    assert.equal(`${await tunnel.next()}`, 'relayed hello')
    const before = upstream.requests.length
    for (const [path, headers] of [
      ['/app', robot],
      ['/closed', {}],
    ] as const)
      await assert.rejects(openWebSocket(t, `ws://127.0.0.1:${port}${path}`, { headers }), /403/)
    assert.equal(upstream.requests.length, before)
  })

test('behind a server of TLS, upstream and log know that it is one', async (t) => {
  const { gatehouse, folder } = await gatehouseIn(t)
  const server = createTlsServer(await selfSigned(), gatehouse.handler).on('upgrade', gatehouse.upgrade)
  const port = await listen(t, server)
  const reply = await request(`https://127.0.0.1:${port}/app`)
  assert.equal((JSON.parse(reply.text) as Echo).headers['x-forwarded-proto'], 'https')
  const tunnel = await openWebSocket(t, `wss://127.0.0.1:${port}/app`)
  tunnel.send('hello')
  assert.equal(`${await tunnel.next()}`, 'relayed hello')
  tunnel.socket.close()
  const lines = await eventually(async () => {
    const text = await readFile(join(folder, 'data/logs/access.log'), 'utf8')
    return (
      text.trim().split('\n').length === 2 &&
      text
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line))
    )
  })
  for (const { request: asked } of lines) assert.equal(asked.tls.version, 0x0304)
  assert.deepEqual(lines.map(({ status }) => status).sort(), [101, 200])
})
