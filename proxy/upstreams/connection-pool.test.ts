import assert from 'node:assert/strict'
import { once } from 'node:events'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import { describe, type TestContext, test } from 'node:test'
import { eventually } from '../../test/harness/eventually.ts'
import { freePort } from '../../test/harness/free-port.ts'
import { schema } from '../config/schema.ts'
import { type ConnectionPool, openPool, parseTarget } from './connection-pool.ts'
import type { Flow, ResponseHandler } from './http1/connection.ts'

const ok = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok'

/** An upstream that answers when it is told to. */
async function startUpstream(t: TestContext) {
  const asked: Socket[] = []
  const open = new Set<Socket>()
  const server = createServer((socket) => {
    open.add(socket)
    socket.on('error', () => {})
    socket.on('close', () => open.delete(socket))
    socket.on('data', () => asked.push(socket))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => {
    for (const socket of open) socket.destroy()
    server.close()
  })
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, asked, open }
}

function poolOf(t: TestContext, url: string, settings: object = {}): ConnectionPool {
  const config = schema.parse({
    listeners: { http: { port: 0 } },
    routes: [],
    upstreams: { app: { targets: [url], connections: 1, ...settings } },
  }).upstreams.app
  if (config === undefined) throw new Error('there is one')
  const pool = openPool(parseTarget(url), config, '/nowhere')
  t.after(() => pool.close())
  return pool
}

/** Sends a request, and says how it went. */
function send(pool: ConnectionPool, upgrade = false) {
  const way: { outcome?: string; flow?: Flow; cancel?: (error: Error) => void } = {}
  const handler: ResponseHandler = {
    onWait: (cancel) => {
      way.cancel = cancel
    },
    onStart: (flow) => {
      way.flow = flow
    },
    onInterim() {},
    onHead() {},
    onBody() {},
    onLull() {},
    onEnd: () => {
      way.outcome = 'ended'
    },
    onSwitch: () => {
      way.outcome = 'switched'
    },
    onFailure: (error) => {
      way.outcome = error.message
    },
  }
  const times = { responseTimeout: 5_000, idleTimeout: 5_000 }
  pool.send(
    { method: 'GET', path: '/', headers: ['Host', 'h'], body: undefined, framing: 'none', upgrade, ...times },
    handler,
  )
  return way
}

describe('a request that finds no free connection waits in line', () => {
  test('and has the one that becomes free', async (t) => {
    const upstream = await startUpstream(t)
    const pool = poolOf(t, upstream.url)
    const [first, second] = [send(pool), send(pool)]
    await eventually(() => upstream.asked.length === 1)
    assert.equal(second.flow, undefined)
    upstream.asked[0]?.write(ok)
    await eventually(() => upstream.asked.length === 2)
    upstream.asked[1]?.write(ok)
    await eventually(() => first.outcome === 'ended' && second.outcome === 'ended')
    assert.equal(upstream.asked[0], upstream.asked[1])
  })

  test('and has a new one when the one before breaks', async (t) => {
    const upstream = await startUpstream(t)
    const pool = poolOf(t, upstream.url)
    const [first, second] = [send(pool), send(pool)]
    await eventually(() => upstream.asked.length === 1)
    upstream.asked[0]?.resetAndDestroy()
    await eventually(() => upstream.asked.length === 2)
    upstream.asked[1]?.write(ok)
    await eventually(() => second.outcome === 'ended')
    assert.match(first.outcome ?? '', /ECONNRESET|closed/)
  })

  test('and is told, when nobody accepts connections', async (t) => {
    const pool = poolOf(t, `http://127.0.0.1:${await freePort()}`)
    const all = [send(pool), send(pool)]
    await eventually(() => all.every(({ outcome }) => /ECONNREFUSED/.test(outcome ?? '')))
  })

  test('and is told after as long as a connection may take', async (t) => {
    const upstream = await startUpstream(t)
    const pool = poolOf(t, upstream.url, { connectTimeout: '100ms' })
    const [first, second] = [send(pool), send(pool)]
    await eventually(() => second.outcome !== undefined)
    assert.equal(second.outcome, 'no free connection within 100 ms')
    assert.equal(first.outcome, undefined)
  })

  test('and may leave the line, whose next is none the worse', async (t) => {
    const upstream = await startUpstream(t)
    const pool = poolOf(t, upstream.url)
    const [, second, third] = [send(pool), send(pool), send(pool)]
    await eventually(() => upstream.asked.length === 1)
    second?.cancel?.(new Error('left'))
    assert.equal(second?.outcome, 'left')
    upstream.asked[0]?.write(ok)
    await eventually(() => upstream.asked.length === 2)
    upstream.asked[1]?.write(ok)
    await eventually(() => third?.outcome === 'ended')
  })
})

test('a connection on its way is given up with its request, and its place is free', async (t) => {
  const upstream = await startUpstream(t)
  const pool = poolOf(t, upstream.url.replace('http', 'https'), { connectTimeout: '30s' })
  const [first, second] = [send(pool), send(pool)]
  await eventually(() => upstream.open.size === 1)
  const [before] = upstream.open
  first.cancel?.(new Error('left'))
  await eventually(() => first.outcome === 'left')
  await eventually(() => upstream.open.size === 1 && !upstream.open.has(before as Socket))
  assert.equal(second.outcome, undefined)
})

test('an upgrade has a connection beside the others, and none of its own is used again', async (t) => {
  const upstream = await startUpstream(t)
  const pool = poolOf(t, upstream.url)
  const request = send(pool)
  await eventually(() => upstream.asked.length === 1)
  const refused = send(pool, true)
  await eventually(() => upstream.asked.length === 2)
  const switched = send(pool, true)
  await eventually(() => upstream.asked.length === 3)
  const [, second, third] = upstream.asked
  second?.write(ok.replace('200 OK', '403 No'))
  third?.write('HTTP/1.1 101 Go\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n')
  await eventually(() => refused.outcome === 'ended' && switched.outcome === 'switched')
  await eventually(() => upstream.open.size === 2)
  assert.deepEqual([request.outcome, upstream.open.has(second as Socket)], [undefined, false])
  third?.destroy()
})

/**
 * A POST was once answered with 502 on a busy machine: the process had had no processor until the time of the idle
 * connection was over, the request came before the clock that would have ended it, and the upstream closed as we wrote.
 */
test('an idle connection whose time is over is not used, even by whoever comes before the clock', async (t) => {
  const upstream = await startUpstream(t)
  const pool = poolOf(t, upstream.url)
  const first = send(pool)
  await eventually(() => upstream.asked.length === 1)
  upstream.asked[0]?.write(ok.replace('Content-Length', 'Keep-Alive: timeout=2\r\nContent-Length'))
  await eventually(() => first.outcome === 'ended')
  const stalledUntil = performance.now() + 1_100
  while (performance.now() < stalledUntil);
  const second = send(pool)
  await eventually(() => upstream.asked.length === 2)
  upstream.asked[1]?.write(ok)
  await eventually(() => second.outcome === 'ended')
  assert.notEqual(upstream.asked[0], upstream.asked[1])
})

/** Deadlines once stood in the time of day: whatever was under way ended with 504 when the clock was set ahead. */
test('a clock that is set ends nothing that is under way', async (t) => {
  const upstream = await startUpstream(t)
  const pool = poolOf(t, upstream.url)
  const [first, second] = [send(pool), send(pool)]
  await eventually(() => upstream.asked.length === 1)
  const now = Date.now
  t.mock.method(Date, 'now', () => now() + 3_600_000)
  // Deadlines are looked at four times a second.
  await new Promise((resolve) => setTimeout(resolve, 600))
  assert.deepEqual([first.outcome, second.outcome], [undefined, undefined])
  upstream.asked[0]?.write(ok)
  await eventually(() => first.outcome === 'ended')
  await eventually(() => upstream.asked.length === 2)
  upstream.asked[1]?.write(ok)
  await eventually(() => second.outcome === 'ended')
})
