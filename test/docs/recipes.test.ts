import assert from 'node:assert/strict'
import { once } from 'node:events'
import { writeFile } from 'node:fs/promises'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { SignJWT } from 'jose'
import { authService } from '../../docs/examples/auth-service.ts'
import { connectHttp2 } from '../harness/http2.ts'
import { startProxy } from '../harness/proxy.ts'
import { type Ask, request } from '../harness/request.ts'
import { onEnd } from '../harness/teardown.ts'
import { tempFolder } from '../harness/temp-folder.ts'
import { startUpstream } from '../harness/upstream.ts'
import { openWebSocket } from '../harness/websocket.ts'
import { projectFolder } from '../system/shipped.ts'
import { readDocument } from './documents.ts'

/** Each recipe, served as it stands on its page but for its ports, and the requests that the page speaks of. */

interface Served {
  /** Of its routes.yaml block. Default: the first. */
  block?: number
  /** Ports that stand in the recipe, and the upstreams in their place. */
  ports: Readonly<Record<string, number>>
  files?: Readonly<Record<string, string>>
  env?: NodeJS.ProcessEnv
  /** Last changes of the text. */
  change?: (yaml: string) => string
}

async function serve(t: TestContext, page: string, { block = 0, ports, files = {}, env, change }: Served) {
  const blocks = readDocument(`docs/recipes/${page}.md`).blocks.filter(({ language }) => language === 'yaml')
  const folder = await tempFolder(t)
  for (const [name, text] of Object.entries(files)) await writeFile(join(folder, name), text)
  const rest = { ...ports }
  const onFreePorts = (blocks[block]?.text ?? '')
    .replace(/port: \d+/g, 'port: 0, address: 127.0.0.1')
    .replace(/(?<=127\.0\.0\.1:)(\d+)/g, (port) => String(rest[port] ?? port))
  const proxy = await startProxy(t, change?.(onFreePorts) ?? onFreePorts, { folder, env })
  const ask = (
    path: string,
    {
      host = 'localhost',
      listener = 'https',
      headers,
      ...more
    }: Ask & { host?: string; listener?: string } = {},
  ) => request(proxy.url(listener) + path, { ...more, headers: { host: `${host}:8443`, ...headers } })
  return { proxy, ask }
}

async function named(t: TestContext, name: string) {
  return startUpstream(
    t,
    (incoming, response) => {
      if (incoming.url === '/health') return void response.end('ok')
      response.end(`${name} ${incoming.headers['remote-user'] ?? 'nobody'}`)
    },
    { websocket: (socket) => socket.send(name) },
  )
}

test('single sign-on: a stranger is sent to the login page, and who has signed in is known to the wiki', async (t) => {
  const wiki = await named(t, 'wiki')
  authService.listen(0, '127.0.0.1')
  await once(authService, 'listening')
  onEnd(t, () => {
    authService.closeAllConnections()
    authService.close()
  })
  const auth = (authService.address() as AddressInfo).port
  const { proxy, ask } = await serve(t, 'single-sign-on', { ports: { 3000: wiki.port, 3001: auth } })

  const stranger = await ask('/wiki/page?x=1', { headers: { 'Remote-User': 'root', Remote_User: 'root' } })
  assert.deepEqual(
    [stranger.status, stranger.headers.location],
    [302, '/auth/login?back=%2Fwiki%2Fpage%3Fx%3D1'],
  )
  assert.equal((await ask('/auth/login')).text, 'Please sign in')
  const signedIn = await ask('/auth/login?user=ada', { method: 'POST' })
  const cookie = String(signedIn.headers['set-cookie']).split(';')[0] as string
  const forged = { cookie, 'Remote-User': 'root', Remote_User: 'root' }
  assert.equal((await ask('/wiki', { headers: forged })).text, 'wiki ada')
  assert.ok(!JSON.stringify(wiki.requests.map(({ rawHeaders }) => rawHeaders)).includes('root'))

  const http2 = await connectHttp2(t, proxy.port('https'))
  assert.equal((await http2.request('/wiki')).status, 302)
  const door = `wss://localhost:${proxy.port('https')}/wiki`
  await assert.rejects(openWebSocket(t, door), /302/)
  const opened = await openWebSocket(t, door, { headers: { cookie } })
  assert.equal(String(await opened.next()), 'wiki')
})

test('single sign-on: a service that is down lets nobody pass', async (t) => {
  const wiki = await named(t, 'wiki')
  const { ask } = await serve(t, 'single-sign-on', { ports: { 3000: wiki.port, 3001: 1 } })
  assert.equal((await ask('/wiki')).status, 503)
  assert.equal(wiki.requests.length, 0)
})

test('devices: they reach their events by a bare address, and nothing else there', async (t) => {
  const upstream = await named(t, 'events')
  const { ask } = await serve(t, 'devices', { ports: { 3000: upstream.port } })
  const device = { listener: 'devices', host: '203.0.113.1' }
  assert.equal((await ask('/events/1', { ...device, method: 'POST', body: 'open' })).text, 'events nobody')
  assert.equal((await ask('/events/1', device)).status, 405)
  assert.equal((await ask('/', { ...device, host: 'localhost' })).status, 404)
  assert.equal((await ask('/')).text, 'events nobody')
  assert.equal((await ask('/', { listener: 'http' })).status, 308)
})

test('WebSockets: only pages of ours with a token open one', async (t) => {
  const chat = await named(t, 'chat')
  const key = 'a secret of more than thirty-two bytes'
  const { proxy } = await serve(t, 'websockets', { ports: { 3000: chat.port }, files: { 'chat.key': key } })
  const door = `wss://localhost:${proxy.port('https')}/chat`
  const origin = 'https://localhost:8443'
  const token = await new SignJWT({})
    .setProtectedHeader({ alg: 'HS256' })
    .setExpirationTime('1m')
    .sign(Buffer.from(key))
  const headers = { authorization: `Bearer ${token}` }
  await assert.rejects(openWebSocket(t, door, { origin }), /401/)
  await assert.rejects(openWebSocket(t, door, { origin: 'https://evil.example', headers }), /403/)
  assert.equal(chat.requests.length, 0)
  assert.equal(String(await (await openWebSocket(t, door, { origin, headers })).next()), 'chat')
  const asked = await openWebSocketAs(t, door, ['bearer', token], origin)
  assert.equal(asked, 'chat')
})

test('two versions side by side: nine in ten get blue, and a table without blue is all green', async (t) => {
  const blue = await named(t, 'blue')
  const green = await named(t, 'green')
  const ports = { 3000: blue.port, 3001: green.port }
  const { proxy, ask } = await serve(t, 'blue-green', { ports })
  const heard = await Promise.all(Array.from({ length: 100 }, async () => (await ask('/')).text))
  const share = heard.filter((text) => text.startsWith('blue')).length
  assert.ok(share >= 85 && share <= 95, `${share} of 100 were blue`)
  await proxy.reload(`
listeners: { https: { port: 0, address: 127.0.0.1 } }
upstreams: { shop: { targets: ["${green.url}"] } }
routes: [{ name: shop, match: { host: localhost }, to: shop }]
`)
  for (let i = 0; i < 10; i++) assert.equal((await ask('/')).text, 'green nobody')

  const sticky = await serve(t, 'blue-green', {
    block: 1,
    ports,
    env: { STICKY_KEY: 'k'.repeat(32) },
    change: (yaml) =>
      `listeners: { https: { port: 0, address: 127.0.0.1 } }\n${yaml}\nroutes: [{ name: shop, to: shop }]\n`,
  })
  const first = await sticky.ask('/')
  const cookie = String(first.headers['set-cookie']).split(';')[0] as string
  for (let i = 0; i < 20; i++) assert.equal((await sticky.ask('/', { headers: { cookie } })).text, first.text)

  const next = await serve(t, 'blue-green', { block: 2, ports })
  assert.equal((await next.ask('/')).text, 'blue nobody')
  assert.equal((await next.ask('/', { host: 'next.localhost' })).text, 'green nobody')
})

test('maintenance: a page for everybody, and the site for those who work on it', async (t) => {
  const shop = await named(t, 'shop')
  const ports = { 3000: shop.port }
  const { ask } = await serve(t, 'maintenance', { ports })
  const closed = await ask('/', { headers: { accept: 'text/html' } })
  assert.deepEqual([closed.status, closed.headers['retry-after']], [503, '1800'])
  assert.match(closed.text, /We are moving house/)
  assert.equal((await ask('/health')).status, 200)
  const problem = await ask('/', { headers: { accept: 'application/json' } })
  assert.equal(JSON.parse(problem.text).status, 503)
  const inside = await serve(t, 'maintenance', {
    ports,
    change: (yaml) => yaml.replace('10.0.0.0/8', '127.0.0.1'),
  })
  assert.equal((await inside.ask('/')).text, 'shop nobody')
})

test('a policy of your own: who has the key passes, through every door', async (t) => {
  const cellar = await named(t, 'cellar')
  const { proxy, ask } = await serve(t, 'own-policy', {
    ports: { 3000: cellar.port },
    env: { HOUSE_KEY: 'under-the-flower-pot' },
    change: (yaml) =>
      yaml.replace('./key-of-the-house.ts', join(projectFolder, 'docs/examples/key-of-the-house.ts')),
  })
  const headers = { 'X-House-Key': 'under-the-flower-pot' }
  assert.equal((await ask('/cellar')).status, 403)
  assert.equal((await ask('/cellar', { headers: { 'X-House-Key': 'under-the-flower-bed' } })).status, 403)
  assert.equal((await ask('/cellar', { headers })).text, 'cellar nobody')
  const http2 = await connectHttp2(t, proxy.port('https'))
  assert.deepEqual(
    [(await http2.request('/cellar')).status, (await http2.request('/cellar', { headers })).status],
    [403, 200],
  )
  const door = `wss://localhost:${proxy.port('https')}/cellar`
  await assert.rejects(openWebSocket(t, door), /403/)
  assert.equal(String(await (await openWebSocket(t, door, { headers })).next()), 'cellar')
})

/** As a browser does it, which cannot send Authorization. Answers what was said first. */
async function openWebSocketAs(t: TestContext, address: string, protocols: string[], origin: string) {
  const { WebSocket } = await import('ws')
  const socket = new WebSocket(address, protocols, { rejectUnauthorized: false, origin })
  onEnd(t, () => socket.terminate())
  const [message] = await once(socket, 'message')
  return String(message)
}
