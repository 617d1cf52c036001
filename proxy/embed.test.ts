import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import express from 'express'
import { eventually } from '../test/harness/eventually.ts'
import { request } from '../test/harness/request.ts'
import { onEnd } from '../test/harness/teardown.ts'
import { tempFolder } from '../test/harness/temp-folder.ts'
import { startUpstream } from '../test/harness/upstream.ts'
import { openWebSocket } from '../test/harness/websocket.ts'
import { type Embedded, embed } from './embed.ts'

async function embedded(t: TestContext, routes: string, upstream = 'http://127.0.0.1:1'): Promise<Embedded> {
  const file = join(await tempFolder(t), 'routes.yaml')
  const gatehouse = await embed({ file, text: textOf(routes, upstream), env: {}, onTrouble: () => {} })
  onEnd(t, () => gatehouse.close())
  return gatehouse
}

function textOf(routes: string, upstream: string): string {
  return `
listeners: { http: { port: 8080 } }
upstreams: { app: { targets: ["${upstream}"] } }
routes: ${routes}
`
}

async function serve(t: TestContext, server: Server): Promise<string> {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  onEnd(t, () => void server.closeAllConnections())
  onEnd(t, () => void server.close())
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

test('a server of its own relays requests, policies first', async (t) => {
  const upstream = await startUpstream(t)
  const gatehouse = await embedded(
    t,
    '[{ name: api, match: { path: /api }, policies: { methods: [GET] }, to: app }]',
    upstream.url,
  )
  const url = await serve(t, createServer(gatehouse.handler))
  assert.equal((await request(`${url}/api/x`)).status, 200)
  assert.equal((await request(`${url}/api/x`, { method: 'POST', body: 'x' })).status, 405)
  assert.equal((await request(`${url}/other`)).status, 404)
  assert.equal(upstream.requests.length, 1)
  assert.equal(upstream.requests[0]?.headers['x-forwarded-for'], '127.0.0.1')
})

test('an Express app keeps its own routes, and the rest goes through the gatehouse', async (t) => {
  const upstream = await startUpstream(t)
  const gatehouse = await embedded(t, '[{ name: all, to: app }]', upstream.url)
  const app = express()
  app.get('/own', (_, response) => void response.send('own'))
  app.use(gatehouse.handler)
  const url = await serve(t, createServer(app))
  assert.equal((await request(`${url}/own`)).text, 'own')
  const reply = await request(`${url}/more?x=1`, { method: 'POST', body: 'hello' })
  assert.partialDeepStrictEqual(JSON.parse(reply.text), { method: 'POST', url: '/more?x=1', body: 'hello' })
})

test('an upgrade meets the same policies as a request', async (t) => {
  const upstream = await startUpstream(t, undefined, {
    websocket: (socket) => socket.on('message', (message) => socket.send(message)),
  })
  const gatehouse = await embedded(
    t,
    '[{ name: open, to: app }, { name: shut, match: { path: /shut }, policies: { allow: [10.9.9.9] }, to: app }]',
    upstream.url,
  )
  const url = await serve(t, createServer(gatehouse.handler).on('upgrade', gatehouse.upgrade))
  const client = await openWebSocket(t, `${url.replace('http', 'ws')}/`)
  client.send('hello')
  assert.equal(String(await client.next()), 'hello')
  await assert.rejects(openWebSocket(t, `${url.replace('http', 'ws')}/shut`), /403/)
})

test('a reload swaps the table, ends tunnels that would not be opened today, and keeps the rest', async (t) => {
  const upstream = await startUpstream(t, undefined, { websocket: () => {} })
  const routes = '[{ name: a, match: { path: /a }, to: app }, { name: b, match: { path: /b }, to: app }]'
  const gatehouse = await embedded(t, routes, upstream.url)
  const url = await serve(t, createServer(gatehouse.handler).on('upgrade', gatehouse.upgrade))
  const [first, second] = await Promise.all(
    ['/a', '/b'].map((path) => openWebSocket(t, url.replace('http', 'ws') + path)),
  )
  const changed = routes.replace('/a }', '/a }, policies: { allow: [10.9.9.9] }')
  await gatehouse.reload(textOf(changed, upstream.url))
  await first?.closed
  await eventually(async () => (await request(`${url}/a`)).status === 403)
  assert.equal(second?.socket.readyState, 1)
})

test('a file with mistakes is refused with all of them, at the start and later', async (t) => {
  const file = join(await tempFolder(t), 'routes.yaml')
  await assert.rejects(
    embed({ file, text: 'listeners: { http: { port: x } }\nroutes: [{ name: a, to: nobody }]', env: {} }),
    /listeners\.http\.port.*\n.*routes\[0\]\.to/,
  )
  const gatehouse = await embedded(t, '[{ name: all, redirect: "https://example.com" }]')
  await assert.rejects(gatehouse.reload('routes: 1'), /routes/)
  const url = await serve(t, createServer(gatehouse.handler))
  assert.equal((await request(url)).status, 308)
})

test('a listener that is not in the file is refused', async (t) => {
  const file = join(await tempFolder(t), 'routes.yaml')
  const text = textOf('[{ name: all, to: app }]', 'http://127.0.0.1:1')
  await assert.rejects(embed({ file, text, env: {}, listener: 'mail' }), /has no listener "mail"/)
})
