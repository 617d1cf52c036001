import assert from 'node:assert/strict'
import { rm, writeFile } from 'node:fs/promises'
import { Agent } from 'node:http'
import { dirname, join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { runCli } from '../harness/cli.ts'
import { eventually } from '../harness/eventually.ts'
import { request } from '../harness/request.ts'
import { onEnd } from '../harness/teardown.ts'
import { startUpstream, type Upstream } from '../harness/upstream.ts'
import { openWebSocket } from '../harness/websocket.ts'
import { type Served, served } from './served.ts'

/** Workers come and go under load, and nobody notices. */

/** Workers start one after the other, on a machine that may be busy. */
const slow = { timeout: 150_000 }
const patient = { timeout: 40_000 }

interface Load {
  readonly outcomes: string[]
  stop(): Promise<string[]>
}

/** Asks over kept connections and new ones, as browsers and programs do, until it is stopped. */
function load(t: TestContext, url: string, askers = 6): Load {
  const outcomes: string[] = []
  let asking = true
  const agent = new Agent({ keepAlive: true })
  onEnd(t, () => agent.destroy())
  const ask = async (at: number): Promise<void> => {
    while (asking) {
      const outcome = await request(url, { agent: at % 2 === 0 ? agent : undefined, timeout: 30_000 }).then(
        ({ status }) => String(status),
        ({ code, name }) => String(code ?? name),
      )
      outcomes.push(outcome)
      await new Promise((resolve) => setTimeout(resolve, 3))
    }
  }
  const all = Promise.all(Array.from({ length: askers }, (_, at) => ask(at)))
  return {
    outcomes,
    async stop() {
      asking = false
      await all
      return outcomes.filter((outcome) => outcome !== '200')
    },
  }
}

async function start(
  t: TestContext,
  settings = '',
  workers = 2,
): Promise<{ gatehouse: Served; upstream: Upstream; routes: string }> {
  const upstream = await startUpstream(t, undefined, {
    websocket: (socket) => socket.on('message', (text) => socket.send(text)),
  })
  const routes = `  - { name: all, to: "${upstream.url}" }`
  return { gatehouse: await served(t, routes, { workers, settings }), upstream, routes }
}

async function reload(gatehouse: Served) {
  return runCli(['reload', '--json', '--admin', gatehouse.report.admin], { timeout: 60_000 })
}

test('`gatehouse reload` replaces every worker under load, and no request fails', slow, async (t) => {
  const { gatehouse } = await start(t)
  const before = gatehouse.workers()
  const asked = load(t, gatehouse.url)
  await eventually(() => asked.outcomes.length > 50, patient)
  const { code, stdout, stderr } = await reload(gatehouse)
  assert.equal(code, 0, stderr)
  assert.equal(JSON.parse(stdout).outcome, 'replaced')
  const now = asked.outcomes.length
  await eventually(() => asked.outcomes.length > now + 50, patient)
  await eventually(() => before.every((pid) => !gatehouse.workers().includes(pid)), patient)
  const failed = await asked.stop()
  assert.deepEqual(failed, [])
  assert.equal(gatehouse.workers().length, 2)
  t.diagnostic(`${asked.outcomes.length} requests, ${failed.length} failed`)
})

test(
  'another number of workers is taken up with routes.yaml, up and down, and no request fails',
  slow,
  async (t) => {
    const { gatehouse, routes } = await start(t, '', 1)
    const asked = load(t, gatehouse.url)
    for (const workers of [3, 1]) {
      await gatehouse.write(routes, { workers })
      await eventually(() => gatehouse.workers().length === workers, patient)
      await eventually(async () => (await gatehouse.readiness()).reasons.length === 0, patient)
    }
    const now = asked.outcomes.length
    await eventually(() => asked.outcomes.length > now + 50, patient)
    assert.deepEqual(await asked.stop(), [])
  },
)

test('a tunnel outlives the replacement of its worker, within `limits.drain`', slow, async (t) => {
  const { gatehouse } = await start(t, 'limits: { drain: 1m }', 1)
  const socket = await openWebSocket(t, gatehouse.url.replace('http', 'ws'))
  const [old] = gatehouse.workers()
  assert.equal((await reload(gatehouse)).code, 0)
  await eventually(() => gatehouse.workers().length === 2)
  socket.send('still there')
  assert.equal(String(await socket.next()), 'still there')
  socket.socket.close()
  await eventually(() => !gatehouse.workers().includes(old as number), patient)
})

test('a stop does not wait for the tunnels of workers that were replaced', slow, async (t) => {
  const { gatehouse } = await start(t, 'limits: { drain: 10m, stop: 1s }', 1)
  const socket = await openWebSocket(t, gatehouse.url.replace('http', 'ws'))
  assert.equal((await reload(gatehouse)).code, 0)
  assert.equal(await gatehouse.stop('SIGTERM'), 0)
  await socket.closed
})

test('a worker that spins is ended and replaced', slow, async (t) => {
  const { gatehouse } = await start(t, 'limits: { stall: 2s }')
  const [victim] = gatehouse.workers()
  // What stops a process is, to everybody else, an event loop that never turns.
  process.kill(victim as number, 'SIGSTOP')
  await gatehouse.said(/a worker does not answer and is ended/, 30_000)
  await eventually(
    () => gatehouse.workers().length === 2 && !gatehouse.workers().includes(victim as number),
    patient,
  )
  await eventually(async () => (await gatehouse.readiness()).reasons.length === 0, patient)
  for (let at = 0; at < 10; at++) assert.equal((await request(gatehouse.url)).status, 200)
})

test('a worker that holds too much memory is replaced under load, and no request fails', slow, async (t) => {
  const extension = 'extensions: { leak: ./leak.ts }\nlimits: { memory: 300MB, delay: 0s }'
  const upstream = await startUpstream(t)
  const routes = `  - { name: all, to: "${upstream.url}" }`
  const gatehouse = await served(t, routes, { workers: 2, settings: 'limits: { memory: 300MB, delay: 0s }' })
  const folder = dirname(gatehouse.file)
  await writeFile(
    join(folder, 'leak.ts'),
    `const held: Buffer[] = []
export default { kind: 'policy', create: () => ({ decide() {
  for (let at = 0; at < 32; at++) held.push(Buffer.alloc(1024 * 1024, 1))
  return { verdict: 'pass' }
} }) }
`,
  )
  const before = gatehouse.workers()
  const asked = load(t, gatehouse.url)
  await gatehouse.write(
    `${routes}\n  - { name: leak, match: { path: /leak }, policies: { leak: {} }, to: "${upstream.url}" }`,
    { workers: 2, settings: extension },
  )
  await eventually(async () => (await request(`${gatehouse.url}/leak`)).status === 200, patient)
  await eventually(
    async () => {
      await request(`${gatehouse.url}/leak`)
      return /a worker holds too much memory and is replaced/.test(gatehouse.output.stderr)
    },
    { timeout: 40_000, every: 200 },
  )
  await eventually(() => gatehouse.workers().some((pid) => !before.includes(pid)), patient)
  await eventually(
    () => gatehouse.workers().some((pid) => !before.includes(pid)) && gatehouse.workers().length === 2,
    patient,
  )
  assert.deepEqual(await asked.stop(), [])
})

test('where a new worker cannot serve, those before stay, and the command says why', slow, async (t) => {
  const upstream = await startUpstream(t)
  const gatehouse = await served(
    t,
    `  - { name: all, to: "${upstream.url}" }
  - { name: closed, match: { path: /closed }, policies: { basicAuth: { users: users.htpasswd } }, to: "${upstream.url}" }`,
    { workers: 2 },
  )
  const before = gatehouse.workers()
  await rm(join(dirname(gatehouse.file), 'users.htpasswd'))
  const { code, stdout } = await reload(gatehouse)
  assert.equal(code, 1)
  assert.match(JSON.parse(stdout).reason, /users\.htpasswd/)
  // The one that could not serve may still be ending.
  await eventually(() => gatehouse.workers().length === 2, patient)
  assert.deepEqual(gatehouse.workers(), before)
  assert.equal((await request(gatehouse.url)).status, 200)
})
