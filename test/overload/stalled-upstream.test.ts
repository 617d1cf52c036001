/**
 * One upstream that takes connections and answers nobody.
 *
 * Fault: requests for it pile up in the proxy until they have taken all that it has, and every other service is as
 * slow as this one.
 *
 * Right: it fills its own connections and its own line, whose length is known; who comes too late for that is told
 * at once, and nobody else notices.
 */
import assert from 'node:assert/strict'
import type { ServerResponse } from 'node:http'
import { type TestContext, test } from 'node:test'
import { eventually } from '../harness/eventually.ts'
import { startProxy } from '../harness/proxy.ts'
import { type Reply, request } from '../harness/request.ts'
import { startUpstream, type Upstream } from '../harness/upstream.ts'
import { openWebSocket } from '../harness/websocket.ts'
import { openCrowd, quantile } from './open-loop.ts'

type Held = Upstream & { readonly held: ServerResponse[] }

/** Answers nothing until it is told to, but for event streams, which it begins. */
async function startStalled(t: TestContext): Promise<Held> {
  const held: ServerResponse[] = []
  const upstream = await startUpstream(
    t,
    ({ url }, response) => {
      held.push(response)
      if (url === '/events')
        response.writeHead(200, { 'content-type': 'text/event-stream' }).write('data: 1\n\n')
    },
    { websocket: () => {} },
  )
  return Object.assign(upstream, { held })
}

const codeOf = ({ text }: Reply): string => JSON.parse(text).code
const wait = (url: string): Promise<Reply> => request(url, { timeout: 30_000 })

test('the others are served as fast as before, while it is asked by a crowd', async (t) => {
  const stalled = await startStalled(t)
  const honest = await startUpstream(t, (_request, response) => response.end('fine'))
  const proxy = await startProxy(
    t,
    `
    upstreams:
      stalled: { targets: ["${stalled.url}"], connections: 20, queue: 30, connectTimeout: 30s }
      honest: { targets: ["${honest.url}"] }
    routes:
      - { name: stalled, match: { path: /stalled }, to: stalled }
      - { name: honest, to: honest }
    `,
  )
  const { ask } = openCrowd(t, proxy.url())
  const typical = async (): Promise<number> => {
    const times: number[] = []
    for (let i = 0; i < 100; i++) {
      const { status, took } = await ask('/')
      assert.equal(status, 200)
      times.push(took)
    }
    return quantile(times, 0.5)
  }
  await typical()
  const before = await typical()
  const crowd = Array.from({ length: 200 }, () => ask('/stalled'))
  await eventually(() => stalled.held.length === 20)
  await eventually(() => proxy.gatehouse.inFlight.size === 50)
  const meanwhile = await typical()
  assert.ok(meanwhile < before * 5 + 5, `${meanwhile} ms, and ${before} ms before`)

  const done = setInterval(() => {
    for (const response of stalled.held.splice(0)) response.end('at last')
  }, 20)
  t.after(() => clearInterval(done))
  const answers = await Promise.all(crowd)
  assert.equal(answers.filter(({ status }) => status === 200).length, 50)
  const refused = answers.filter(({ status }) => status !== 200)
  assert.deepEqual(
    [...new Set(refused.map(({ status, code }) => `${status} ${code}`))],
    ['503 upstream_full'],
  )
  assert.ok(stalled.connections.size <= 20)
})

test('with no line nobody waits', async (t) => {
  const stalled = await startStalled(t)
  const proxy = await startProxy(t, one(stalled, 'connections: 1, queue: 0'))
  const first = wait(proxy.url())
  await eventually(() => stalled.held.length === 1)
  assert.equal(codeOf(await wait(proxy.url())), 'upstream_full')
  stalled.held[0]?.end('done')
  assert.equal((await first).text, 'done')
  const next = wait(proxy.url())
  await eventually(() => stalled.held.length === 2)
  stalled.held[1]?.end('next')
  assert.equal((await next).text, 'next')
})

test('the length of the line is that of the connections, where none is given', async (t) => {
  const stalled = await startStalled(t)
  const proxy = await startProxy(t, one(stalled, 'connections: 2, connectTimeout: 30s'))
  const crowd = Array.from({ length: 4 }, () => wait(proxy.url()))
  await eventually(() => proxy.gatehouse.inFlight.size === 4)
  assert.equal(codeOf(await wait(proxy.url())), 'upstream_full')
  await eventually(() => {
    for (const response of stalled.held.splice(0)) response.end('done')
    return proxy.gatehouse.inFlight.size === 0
  })
  assert.deepEqual(
    (await Promise.all(crowd)).map(({ status }) => status),
    [200, 200, 200, 200],
  )
})

test('a target whose line is full is passed over for one that has room', async (t) => {
  const stalled = await startStalled(t)
  const honest = await startUpstream(t, (_request, response) => response.end('fine'))
  const proxy = await startProxy(
    t,
    `
    upstreams: { app: { targets: ["${stalled.url}", "${honest.url}"], connections: 1, queue: 0 } }
    routes: [{ name: app, to: app }]
    `,
  )
  const outcomes: string[] = []
  for (let i = 0; i < 6; i++)
    void wait(proxy.url()).then(
      ({ text }) => outcomes.push(text),
      () => {},
    )
  await eventually(() => stalled.held.length === 1)
  await eventually(async () => (await wait(proxy.url())).text === 'fine')
  for (let i = 0; i < 5; i++) assert.equal((await wait(proxy.url())).text, 'fine')
  assert.equal(stalled.held.length, 1)
})

test('event streams and tunnels take no connection of requests, however many they are', async (t) => {
  const stalled = await startStalled(t)
  const proxy = await startProxy(t, one(stalled, 'connections: 1, queue: 0'))
  const streams = Array.from({ length: 5 }, async (_, i) => {
    await eventually(() => stalled.held.length === i)
    return wait(`${proxy.url()}/events`)
  })
  await eventually(() => stalled.held.length === 5)
  for (let i = 0; i < 3; i++) await openWebSocket(t, `${proxy.url().replace('http', 'ws')}/ws`)
  const next = wait(`${proxy.url()}/next`)
  await eventually(() => stalled.held.length === 6)
  stalled.held[5]?.end('done')
  assert.equal((await next).text, 'done')
  for (const response of stalled.held.splice(0)) response.end('data: 2\n\n')
  for (const { text } of await Promise.all(streams)) assert.equal(text, 'data: 1\n\ndata: 2\n\n')
  // The connections of streams that have ended are not kept besides those that may be.
  await eventually(() => stalled.connections.size <= 4)
})

const one = ({ url }: Upstream, settings: string): string => `
  upstreams: { app: { targets: ["${url}"], ${settings} } }
  routes: [{ name: app, to: app }]`
