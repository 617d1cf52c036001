import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { eventually } from '../harness/eventually.ts'
import { request } from '../harness/request.ts'
import { onEnd } from '../harness/teardown.ts'
import { startUpstream } from '../harness/upstream.ts'
import { openWebSocket } from '../harness/websocket.ts'
import { served } from './served.ts'

/** One Gatehouse with two workers, and its routes.yaml as it is edited while it serves. */

const upstream = await startUpstream({ after }, undefined, { websocket: () => {} })
const routes = (policies = ''): string => `
  - { name: a, match: { path: /a }, ${policies} to: "${upstream.url}" }
  - { name: b, match: { path: /b }, to: "${upstream.url}" }`
const gatehouse = await served({ after }, routes(), { workers: 2 })

const status = async (path: string): Promise<number> => (await request(gatehouse.url + path)).status
/** Each worker has its own table: ask often enough to meet both. */
const isEverywhere = async (path: string, expected: number): Promise<boolean> => {
  const statuses = await Promise.all(Array.from({ length: 8 }, () => status(path)))
  return statuses.every((each) => each === expected)
}

test('a change is live in every worker soon, and no request fails meanwhile', async () => {
  const outcomes: number[] = []
  let asking = true
  const load = (async () => {
    while (asking) outcomes.push(await status('/b').catch(() => 0))
  })()
  try {
    await gatehouse.write(routes('policies: { methods: [PUT] },'))
    // Half a second, on a machine that has nothing else to do.
    await eventually(() => isEverywhere('/a', 405))
    await eventually(() => outcomes.length > 5)
  } finally {
    asking = false
    await load
  }
  assert.deepEqual([...new Set(outcomes)], [200])
})

test('one with mistakes changes nothing, and is loud in the log, in readiness and in the metrics', async () => {
  await gatehouse.write(`${routes()}\n  - { name: c, match: { pth: /c }, to: nobody }`)
  await gatehouse.said(/has mistakes and is not taken up/)
  await gatehouse.said(/routes\[2\]\.match\.pth/)
  await gatehouse.said(/routes\[2\]\.to/)
  const { status: code, ready, reasons } = await gatehouse.readiness()
  assert.deepEqual([code, ready], [200, true])
  assert.match(reasons[0] ?? '', /routes\.yaml was not taken up: .*routes\[2\].*\(and 1 more\)/)
  assert.match(await gatehouse.metrics(), /^gatehouse_config_last_reload_successful 0$/m)
  assert.ok(await isEverywhere('/a', 405))
})

test('one that fails only when it is built is swapped in nowhere', async () => {
  await gatehouse.write(routes('policies: { rateLimit: { limit: 1, per: 1m, by: "claim:sub" } },'))
  await gatehouse.said(/needs the policy jwt/)
  assert.ok(await isEverywhere('/a', 405))
})

test('when the mistake is taken back all is well again', async () => {
  await gatehouse.write(routes('policies: { methods: [PUT] },'))
  await eventually(async () => (await gatehouse.readiness()).reasons.length === 0)
  assert.match(await gatehouse.metrics(), /^gatehouse_config_last_reload_successful 1$/m)
})

test('a change that needs a restart is named, and the rest is in force', async () => {
  const settings = 'redis: { address: "127.0.0.1:1" }'
  await gatehouse.write(routes().replace('/a }', '/c }'), { settings })
  await eventually(() => isEverywhere('/c', 200))
  await gatehouse.said(/need a restart.*"changes":"redis"/)
  await gatehouse.write(routes())
  await eventually(() => isEverywhere('/a', 200))
})

test('SIGHUP reads the file again although it is the same', async () => {
  const before = gatehouse.output.stderr.length
  gatehouse.child.kill('SIGHUP')
  await eventually(() => gatehouse.output.stderr.slice(before).includes('is taken up'))
})

test('tunnels stay where only what is written into responses changes', async (t) => {
  await gatehouse.write(routes())
  await eventually(() => isEverywhere('/a', 200))
  const { socket } = await openWebSocket(t, `${gatehouse.url.replace('http', 'ws')}/a`)
  const before = gatehouse.output.stderr.length
  await gatehouse.write(
    routes('policies: { headers: { response: { set: { X-New: "1" } } }, compress: true },'),
  )
  await eventually(() => gatehouse.output.stderr.slice(before).includes('"endedTunnels":0'))
  assert.equal(socket.readyState, 1)
  await gatehouse.write(routes())
  await eventually(async () => (await gatehouse.readiness()).reasons.length === 0)
})

test('tunnels of a route with other policies end, those of others stay', async (t) => {
  const address = gatehouse.url.replace('http', 'ws')
  const [a, b] = await Promise.all(['/a', '/b'].map((path) => openWebSocket(t, address + path)))
  await gatehouse.write(routes('policies: { deny: [10.9.9.9] },'))
  await a?.closed
  await gatehouse.said(/"endedTunnels":1/)
  assert.ok(await isEverywhere('/a', 200))
  assert.equal(b?.socket.readyState, 1)
})

/**
 * The fault: tunnels were asked about again, and who had an event stream, or a handshake that its upstream had not answered
 * yet, went on past the policies that had just been written for as long as it liked.
 */
test('an event stream and a handshake under way end with the policies that let them in', async (t) => {
  let switchNow: (() => void) | undefined
  const slow = await startUpstream(t, (request, response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' })
    response.write(`data: ${request.url}\n\n`)
  })
  slow.server.on('upgrade', (_request, socket) => {
    switchNow = () =>
      socket.write('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n')
    socket.on('error', () => {})
  })
  const lasting = (policies: string): string => `
  - { name: c, match: { path: /c }, ${policies} to: "${slow.url}" }
  - { name: d, match: { path: /d }, to: "${slow.url}" }`
  await gatehouse.write(lasting(''))
  await eventually(() => isEverywhere('/a', 404))
  const streams = await Promise.all(['/c', '/d'].map((path) => fetch(gatehouse.url + path)))
  const [c, d] = streams.map(({ body }) => body?.getReader())
  onEnd(t, () => void d?.cancel().catch(() => {}))
  await Promise.all([c?.read(), d?.read()])
  const handshake = openWebSocket(t, `${gatehouse.url.replace('http', 'ws')}/c`)
  handshake.catch(() => {})
  await eventually(() => switchNow)
  await gatehouse.write(lasting('policies: { deny: [10.9.9.9] },'))
  await assert.rejects(async () => {
    while (!(await c?.read())?.done);
    throw new Error('it ended as if it were whole')
  }, /terminated/)
  switchNow?.()
  await assert.rejects(handshake)
  // That of another route goes on.
  assert.equal(
    await Promise.race([d?.read(), new Promise((resolve) => setTimeout(resolve, 200, 'open'))]),
    'open',
  )
})
