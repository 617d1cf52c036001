import assert from 'node:assert/strict'
import type { ServerResponse } from 'node:http'
import { describe, type TestContext, test } from 'node:test'
import { eventually } from '../harness/eventually.ts'
import { connectHttp2 } from '../harness/http2.ts'
import { type Proxy as RunningProxy, startProxy } from '../harness/proxy.ts'
import { rawConnect, rawRequest } from '../harness/raw-request.ts'
import { type Reply, request } from '../harness/request.ts'
import { startUpstream, type Upstream } from '../harness/upstream.ts'
import { openWebSocket } from '../harness/websocket.ts'

/** Where a worker has as much as it may have, the next is told at once, by whatever door it comes. */

interface Scene {
  readonly proxy: RunningProxy
  readonly upstream: Upstream
  /** Responses that wait until the test ends them: of `/wait`, and event streams of `/events`. */
  readonly held: ServerResponse[]
}

async function openScene(t: TestContext, limits: string): Promise<Scene> {
  const held: ServerResponse[] = []
  const upstream = await startUpstream(
    t,
    (incoming, response) => {
      if (incoming.url === '/events')
        response.writeHead(200, { 'content-type': 'text/event-stream' }).flushHeaders()
      if (incoming.url === '/wait' || incoming.url === '/events') held.push(response)
      else response.end('fine')
    },
    { websocket: () => {} },
  )
  return { proxy: await startProxy(t, yaml(upstream, limits)), upstream, held }
}

const yaml = ({ url }: Upstream, limits: string): string => `
  listeners: { http: { port: 0, address: 127.0.0.1 }, https: { port: 0, address: 127.0.0.1 } }
  limits: { ${limits} }
  upstreams: { app: { targets: ["${url}"] } }
  routes:
    - { name: app, listeners: [http, https], to: app, policies: { compress: true } }`

/** Takes the one place that there is. */
async function hold({ proxy, held }: Scene, path = '/wait'): Promise<void> {
  const before = held.length
  request(proxy.url('http') + path, { timeout: 30_000 }).catch(() => {})
  await eventually(() => held.length > before)
}

const isRefused = ({ status, text, headers }: Pick<Reply, 'status' | 'text'> & { headers: object }): void => {
  assert.equal(status, 503)
  assert.equal(JSON.parse(text).code, 'overloaded')
  assert.match(String((headers as Record<string, unknown>)['retry-after']), /^[1-5]$/)
}

describe('with as many requests under way as there may be', () => {
  test('the next is refused, nothing of it goes upstream, and the log says why', async (t) => {
    const scene = await openScene(t, 'exchanges: 1')
    await hold(scene)
    isRefused(await request(`${scene.proxy.url('http')}/next`, { method: 'POST', body: 'hello' }))
    assert.deepEqual(
      scene.upstream.requests.map(({ url }) => url),
      ['/wait'],
    )
    const line = await eventually(async () => (await scene.proxy.accessLog())[0])
    assert.deepEqual(
      [line.status, line.decision, line.error, line.request],
      [503, 'error', 'overloaded', line.request],
    )
    assert.match(JSON.stringify(line), /limits\.exchanges/)
  })

  test('a place that is free again is given to the next', async (t) => {
    const scene = await openScene(t, 'exchanges: 1')
    await hold(scene)
    assert.equal((await request(scene.proxy.url('http'))).status, 503)
    scene.held[0]?.end('done')
    await eventually(async () => (await request(scene.proxy.url('http'))).status === 200)
  })

  test('a client that leaves gives its place back', async (t) => {
    const scene = await openScene(t, 'exchanges: 1')
    const client = await rawConnect(scene.proxy.port('http'))
    client.write('GET /wait HTTP/1.1\r\nHost: localhost\r\n\r\n')
    await eventually(() => scene.held.length === 1)
    client.destroy()
    await eventually(async () => (await request(scene.proxy.url('http'))).status === 200)
  })

  test('over HTTP/1.1 the connection is kept, and its next request is one of its own', async (t) => {
    const scene = await openScene(t, 'exchanges: 1')
    await hold(scene)
    const client = await rawConnect(scene.proxy.port('http'))
    t.after(() => client.destroy())
    let text = ''
    client.on('data', (chunk) => {
      text += chunk
    })
    client.write('POST /a HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n\r\nhello')
    await eventually(() => /503 .*"code":"overloaded"/s.test(text))
    assert.doesNotMatch(text, /connection: close/i)
    scene.held[0]?.end('done')
    await eventually(() => scene.proxy.gatehouse.inFlight.size === 0)
    client.write('GET /b HTTP/1.1\r\nHost: localhost\r\n\r\n')
    await eventually(() => text.endsWith('fine'))
  })

  test('a body that waits to be asked for is never asked for', async (t) => {
    const scene = await openScene(t, 'exchanges: 1')
    await hold(scene)
    const reply = await rawRequest(
      scene.proxy.port('http'),
      'PUT / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000000\r\nExpect: 100-continue\r\n\r\n',
      { until: /overloaded/ },
    )
    assert.deepEqual(reply.statuses, [503])
  })

  test('over HTTP/2 the stream is refused, and the connection goes on', async (t) => {
    const scene = await openScene(t, 'exchanges: 1')
    await hold(scene)
    const client = await connectHttp2(t, scene.proxy.port('https'))
    isRefused(await client.request('/a'))
    isRefused(await client.request('/a', { method: 'POST', body: Buffer.alloc(500_000) }))
    scene.held[0]?.end('done')
    await eventually(async () => (await client.request('/b')).status === 200)
  })

  test('tunnels and event streams go on, and more of them may be opened', async (t) => {
    const scene = await openScene(t, 'exchanges: 1')
    const tunnel = await openWebSocket(t, `${scene.proxy.url('http').replace('http', 'ws')}/ws`)
    await hold(scene, '/events')
    await hold(scene, '/events')
    assert.equal((await request(scene.proxy.url('http'))).status, 200, 'they take no place of a request')
    await hold(scene)
    await openWebSocket(t, `${scene.proxy.url('http').replace('http', 'ws')}/ws`)
    assert.equal((await request(scene.proxy.url('http'))).status, 503)
    assert.equal(tunnel.socket.readyState, tunnel.socket.OPEN)
  })
})

describe('with as many tunnels and event streams as there may be', () => {
  test('an upgrade is refused like a request, and requests are served', async (t) => {
    const scene = await openScene(t, 'tunnels: 1')
    const address = `${scene.proxy.url('http').replace('http', 'ws')}/ws`
    const tunnel = await openWebSocket(t, address)
    await assert.rejects(openWebSocket(t, address), /Unexpected server response: 503/)
    assert.equal((await request(scene.proxy.url('http'))).status, 200)
    tunnel.socket.terminate()
    await eventually(async () => (await openWebSocket(t, address)).socket.readyState === 1)
  })

  test('a response that turns out to be an event stream is refused, and its upstream let go', async (t) => {
    const scene = await openScene(t, 'tunnels: 1')
    await hold(scene, '/events')
    const second = request(`${scene.proxy.url('http')}/events`)
    const { status, text } = await second
    assert.deepEqual([status, JSON.parse(text).code], [503, 'overloaded'])
    await eventually(() => scene.held[1]?.closed)
    assert.equal((await request(scene.proxy.url('http'))).status, 200)
    scene.held[0]?.end()
    await eventually(() => scene.proxy.gatehouse.inFlight.size === 0)
    await hold(scene, '/events')
    assert.equal(scene.held.length, 3)
  })
})

test('a reload changes the limits, and knows who is there', async (t) => {
  const scene = await openScene(t, 'exchanges: 1')
  await hold(scene)
  assert.equal((await request(scene.proxy.url('http'))).status, 503)
  await scene.proxy.reload(yaml(scene.upstream, 'exchanges: 2'))
  assert.equal((await request(scene.proxy.url('http'))).status, 200)
  await hold(scene)
  assert.equal((await request(scene.proxy.url('http'))).status, 503)
})
