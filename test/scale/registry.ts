import { readFileSync } from 'node:fs'
import { Agent, request as send } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import { announceMany } from '../../services/shared/announce-many.ts'
import { percentile } from '../bench/load/percentile.ts'
import { request } from '../harness/request.ts'
import { startUpstream } from '../harness/upstream.ts'
import { withTeardown } from '../harness/with-teardown.ts'
import { type Scene, startScene } from '../leases/scene.ts'

/**
 * `make registry`: what 10,000 keyed leases cost one proxy. Heartbeats of each every ten seconds, first by one service
 * that stands for all, then each by itself; memory, lookups, and the time from an announcement to the first request
 * that is served.
 */

const count = Number(process.env.LEASES) || 10_000
const seconds = Number(process.env.SECONDS) || 30
const ttl = 30_000

await withTeardown(async (t) => {
  const scene = await startScene(t, { workers: 1 })
  const primary = scene.proxy.child.pid as number
  const [worker = 0] = childrenOf(primary)
  const upstream = await startUpstream(t)
  const few = await lookupCost(scene, worker, 'nobody')
  const routed = await announceToRouted(scene, upstream.url)
  const empty = [memoryOf(primary), memoryOf(worker)] as const
  console.log(
    `announced to routed: median ${percentile(routed, 0.5).toFixed(1)} ms, p99 ${percentile(routed, 0.99).toFixed(1)} ms, of ${routed.length}`,
  )

  const many = announceMany({
    upstream: 'desktop',
    admin: scene.admin,
    token: scene.token,
    ttl,
    onTrouble: console.log,
  })
  const keys = Array.from({ length: count }, (_, at) => `user${at}-ubuntu`)
  for (let at = 0; at < count; at += 100)
    await Promise.all(keys.slice(at, at + 100).map((key) => many.add({ key, url: upstream.url })))
  await sleep(2_000)
  const full = [memoryOf(primary), memoryOf(worker)] as const
  console.log(
    `memory per lease: ${perLease(empty[0], full[0])} KB in the primary, ${perLease(empty[1], full[1])} KB in a worker`,
  )

  // What was announced just now is still being compiled and collected.
  await sleep(ttl / 3)
  const together = await share(primary, () => sleep(seconds * 1000))
  console.log(`heartbeats together: ${together.toFixed(2)} % of a core over ${seconds} s`)
  const many10 = await lookupCost(scene, worker, keys[7] as string)
  console.log(
    `a request to a key, CPU of the worker: ${few.toFixed(0)} µs with none (503), ${many10.toFixed(0)} µs with ${count}`,
  )
  await many.close('stay')
  const alone = await share(primary, () => beatAlone(scene, keys, upstream.url))
  console.log(`heartbeats each by itself: ${alone.toFixed(2)} % of a core at ${count / 10} per second`)
})

/** CPU of a process while the work goes on, in percent of a core. */
async function share(pid: number, work: () => Promise<void>): Promise<number> {
  const before = cpuOf(pid)
  const began = performance.now()
  await work()
  return ((cpuOf(pid) - before) / (performance.now() - began)) * 100
}

async function beatAlone({ admin, token }: Scene, keys: readonly string[], url: string): Promise<void> {
  const agent = new Agent({ keepAlive: true, maxSockets: 64 })
  const body = JSON.stringify({ url, ttl: `${ttl}ms`, weight: 1, metadata: {} })
  const headers = { authorization: `Bearer ${token}`, 'content-length': Buffer.byteLength(body) }
  const until = performance.now() + seconds * 1000
  const began = performance.now()
  for (let sent = 0; performance.now() < until; sent++) {
    const key = keys[sent % keys.length] as string
    const ask = send(`${admin}/v1/upstreams/desktop/keys/${key}/targets/main`, {
      method: 'PUT',
      agent,
      headers,
    })
    ask.on('response', (response) => response.resume())
    ask.on('error', (error) => console.log(error.message))
    ask.end(body)
    const ahead = (sent * 10_000) / count - (performance.now() - began)
    if (ahead > 5) await sleep(ahead)
  }
  agent.destroy()
}

/** Microseconds of the worker for a request to that key. */
async function lookupCost({ url }: Scene, worker: number, key: string): Promise<number> {
  const agent = new Agent({ keepAlive: true })
  const ask = () => request(`${url}/desktop/${key}`, { agent })
  for (let at = 0; at < 500; at++) await ask()
  const before = cpuOf(worker)
  for (let at = 0; at < 2_000; at++) await ask()
  agent.destroy()
  return ((cpuOf(worker) - before) * 1000) / 2_000
}

async function announceToRouted(scene: Scene, url: string): Promise<number[]> {
  const took: number[] = []
  const agent = new Agent({ keepAlive: true })
  for (let round = 0; round < 200; round++) {
    const began = performance.now()
    const announced = scene.announce('desktop', url, { key: `round${round}` })
    let status = 0
    while (status !== 200) ({ status } = await request(`${scene.url}/desktop/round${round}`, { agent }))
    took.push(performance.now() - began)
    await announced.leave()
  }
  agent.destroy()
  return took.sort((a, b) => a - b)
}

function perLease(before: number, after: number): string {
  return ((after - before) / count).toFixed(1)
}

/** Milliseconds of user and system time. */
function cpuOf(pid: number): number {
  const text = readFileSync(`/proc/${pid}/stat`, 'utf8')
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ')
  return (Number(fields[11]) + Number(fields[12])) * 10
}

/** Kilobytes. */
function memoryOf(pid: number): number {
  return Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1])
}

function childrenOf(pid: number): number[] {
  return readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ').filter(Boolean).map(Number)
}
