import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { type TestContext, test } from 'node:test'
import { eventually } from '../harness/eventually.ts'
import { connectHttp2 } from '../harness/http2.ts'
import { startProxy } from '../harness/proxy.ts'
import { type Reply, request } from '../harness/request.ts'
import { startUpstream, type Upstream } from '../harness/upstream.ts'
import { openWebSocket } from '../harness/websocket.ts'
import { startScene } from './scene.ts'

/** Which of several targets is asked, fixed ones and leased ones alike. */

const key = randomBytes(32).toString('base64url')
const sticky = 'sticky: { key: "env:STICKY_KEY" }'

async function startNamed(t: TestContext, count: number): Promise<Upstream[]> {
  return Promise.all(
    Array.from({ length: count }, (_, at) =>
      startUpstream(
        t,
        (_request, response) => {
          response.setHeader('set-cookie', 'own=1')
          response.end(`target ${at}`)
        },
        { websocket: () => {} },
      ),
    ),
  )
}

function cookieOf({ headers }: Reply): string | undefined {
  return headers['set-cookie']?.find((each) => each.startsWith('gatehouse_target='))
}

test('a client comes back to its target by a signed cookie, and only there', async (t) => {
  const targets = await startNamed(t, 4)
  const urls = targets.map(({ url }) => `"${url}"`).join(', ')
  const proxy = await startProxy(
    t,
    `upstreams: { app: { targets: [${urls}], ${sticky} } }
routes: [{ name: app, to: app }]`,
    { env: { STICKY_KEY: key } },
  )
  const first = await request(proxy.url())
  const cookie = cookieOf(first)
  assert.match(cookie ?? '', /^gatehouse_target=[\w-]{22}; Path=\/; HttpOnly; SameSite=Lax$/)
  // What the service itself sets stays.
  assert.ok(first.headers['set-cookie']?.includes('own=1'))
  const pair = cookie?.split(';')[0] as string
  for (let at = 0; at < 8; at++) {
    const reply = await request(proxy.url(), { headers: { cookie: `a=b; ${pair}` } })
    assert.equal(reply.text, first.text)
    assert.equal(cookieOf(reply), undefined)
  }
  const others = new Set<string>()
  for (let at = 0; at < 8; at++) others.add((await request(proxy.url())).text)
  assert.equal(others.size, 4)
  // One that was made up is as good as none.
  const forged = await request(proxy.url(), { headers: { cookie: `gatehouse_target=${'A'.repeat(22)}` } })
  assert.equal(forged.status, 200)
  assert.ok(cookieOf(forged))
})

// Browsers give each cookie a field of its own over HTTP/2, so that one that changes does not spoil the compression of all
// others. The first alone was read: whoever had another cookie before ours came to another target with every request.
test('a client comes back also where each of its cookies is a field of its own, as over HTTP/2', async (t) => {
  const targets = await startNamed(t, 4)
  const urls = targets.map(({ url }) => `"${url}"`).join(', ')
  const proxy = await startProxy(
    t,
    `listeners: { https: { port: 0, address: 127.0.0.1 } }
upstreams: { app: { targets: [${urls}], ${sticky} } }
routes: [{ name: app, listeners: [https], to: app }]`,
    { env: { STICKY_KEY: key } },
  )
  const client = await connectHttp2(t, proxy.port('https'))
  const first = await client.request('/')
  const pair = first.headers['set-cookie']
    ?.find((each) => each.startsWith('gatehouse_target='))
    ?.split(';')[0]
  for (let at = 0; at < 8; at++) {
    const reply = await client.request('/', { headers: { cookie: ['a=b', pair as string, 'c=d'] } })
    assert.equal(reply.text, first.text)
    assert.deepEqual(reply.headers['set-cookie'], ['own=1'])
  }
})

test('a client whose target has gone gets another, and the cookie of that one; an upgrade alike', async (t) => {
  const targets = await startNamed(t, 2)
  const proxy = await startProxy(
    t,
    `upstreams: { app: { targets: ["${targets[0]?.url}", "${targets[1]?.url}"], ${sticky} } }
routes: [{ name: app, to: app }]`,
    { env: { STICKY_KEY: key } },
  )
  const first = await request(proxy.url())
  const pair = cookieOf(first)?.split(';')[0] as string
  const mine = Number(first.text.slice(-1))
  await openWebSocket(t, proxy.url().replace('http', 'ws'), { headers: { cookie: pair } })
  assert.equal(targets[mine]?.requests.filter(({ headers }) => headers.upgrade).length, 1)
  await targets[mine]?.close()
  const next = await request(proxy.url(), { headers: { cookie: pair } })
  assert.equal(next.text, `target ${1 - mine}`)
  assert.notEqual(cookieOf(next)?.split(';')[0], pair)
})

test('leased targets are stuck to as well, by the same cookie through every worker', async (t) => {
  const scene = await startScene(t, { sticky: true })
  const targets = await startNamed(t, 3)
  await Promise.all(targets.map(({ url }, at) => scene.announce('stuck', url, { id: `t${at}` }).heard))
  const first = await eventually(async () => {
    const reply = await request(`${scene.url}/stuck`)
    return reply.status === 200 && reply
  })
  const cookie = cookieOf(first)?.split(';')[0] as string
  const replies = await Promise.all(
    Array.from({ length: 12 }, () => request(`${scene.url}/stuck`, { headers: { cookie } })),
  )
  assert.deepEqual([...new Set(replies.map(({ text }) => text))], [first.text])
})

test('fixed targets share by their weights', async (t) => {
  const [one, other] = (await startNamed(t, 2)) as [Upstream, Upstream]
  const proxy = await startProxy(
    t,
    `upstreams: { app: { targets: [{ url: "${one.url}", weight: 3 }, "${other.url}"] } }
routes: [{ name: app, to: app }]`,
  )
  for (let at = 0; at < 20; at++) await request(proxy.url())
  assert.deepEqual([one.requests.length, other.requests.length], [15, 5])
})

test('repeats of what targets failed are bounded, so that a failing upstream is not asked thrice', async (t) => {
  const hangUp = (incoming: IncomingMessage, _response: ServerResponse): void =>
    void incoming.socket.destroy()
  const targets = await Promise.all([
    startUpstream(t, hangUp),
    startUpstream(t, hangUp),
    startUpstream(t, hangUp),
  ])
  const urls = targets.map(({ url }) => `"${url}"`).join(', ')
  const proxy = await startProxy(
    t,
    `upstreams: { app: { targets: [${urls}] } }
routes: [{ name: app, to: app }]`,
  )
  for (let at = 0; at < 200; at++) assert.equal((await request(proxy.url())).status, 502)
  const asked = targets.reduce((sum, { requests }) => sum + requests.length, 0)
  // Two hundred, a hundred that were there at first, and one for each five.
  assert.ok(asked >= 300 && asked <= 341, `${asked} requests arrived`)
})

test('what reaches no target is always tried elsewhere', async (t) => {
  const [one, other] = (await startNamed(t, 2)) as [Upstream, Upstream]
  await other.close()
  const proxy = await startProxy(
    t,
    `upstreams: { app: { targets: ["${one.url}", "${other.url}"], retryBudget: 0 } }
routes: [{ name: app, to: app }]`,
  )
  for (let at = 0; at < 20; at++) assert.equal((await request(proxy.url())).status, 200)
})
