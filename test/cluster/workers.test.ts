import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { eventually } from '../harness/eventually.ts'
import { request } from '../harness/request.ts'
import { tempFolder } from '../harness/temp-folder.ts'
import { startUpstream } from '../harness/upstream.ts'
import { served } from './served.ts'

/** Two workers are one Gatehouse. */

test('a limit of 10 is 10 over both workers', async (t) => {
  const upstream = await startUpstream(t)
  const gatehouse = await served(
    t,
    `
  - { name: all, match: { path: /all }, to: "${upstream.url}" }
  - { name: few, match: { path: /few }, policies: { rateLimit: { limit: 10, per: 1m } }, to: "${upstream.url}" }`,
    { workers: 2 },
  )
  const replies = await Promise.all(Array.from({ length: 30 }, () => request(`${gatehouse.url}/few`)))
  const passed = replies.filter(({ status }) => status === 200)
  assert.equal(passed.length, 10)
  assert.ok(replies.every(({ status }) => status === 200 || status === 429))
  const left = passed.map(({ headers }) => /r=(\d+)/.exec(String(headers.ratelimit))?.[1]).map(Number)
  assert.deepEqual(
    left.sort((a, b) => a - b),
    [0, 1, 2, 3, 4, 5, 6, 7, 8, 9],
  )
  const metrics = await gatehouse.metrics()
  assert.match(
    metrics,
    /^gatehouse_policy_decisions_total\{[^}]*decision="deny",reason="rate_limited"[^}]*\} 20$/m,
  )
  assert.match(metrics, /^gatehouse_policy_decisions_total\{[^}]*decision="allow",reason="pass"[^}]*\} 10$/m)
})

test('a worker that is killed under load costs what was in flight there, and is replaced', async (t) => {
  const upstream = await startUpstream(t)
  const gatehouse = await served(t, `  - { name: all, to: "${upstream.url}" }`, { workers: 2 })
  const [victim, other] = gatehouse.workers() as [number, number]
  const outcomes: string[] = []
  let asking = true
  const asker = async (): Promise<void> => {
    while (asking)
      outcomes.push(
        await request(gatehouse.url).then(
          ({ status }) => String(status),
          ({ code, name }) => String(code ?? name),
        ),
      )
  }
  const askers = Array.from({ length: 8 }, asker)
  await eventually(() => outcomes.length > 50)
  const countedBefore = requestsIn(await gatehouse.metrics())
  process.kill(victim, 'SIGKILL')
  await eventually(() => gatehouse.workers().length === 2 && !gatehouse.workers().includes(victim))
  await eventually(async () => (await gatehouse.readiness()).reasons.length === 0, { timeout: 15_000 })
  asking = false
  await Promise.all(askers)
  // Eight askers have eight requests in flight, so no more than that can have been lost; and those that were
  // learn it at once. A connection that the victim was handed and never took is served by the other.
  const lost = outcomes.filter((outcome) => outcome !== '200')
  assert.ok(lost.length <= 8, lost.join())
  assert.deepEqual(
    [...new Set(lost)].filter((how) => how !== 'ECONNRESET'),
    [],
  )
  assert.ok(gatehouse.workers().includes(other))
  await gatehouse.said(/a worker has ended and is replaced.*SIGKILL/)
  const metrics = await gatehouse.metrics()
  assert.ok(requestsIn(metrics) >= countedBefore)
  // What an alert reads: one ended, and all are there again.
  assert.match(metrics, /^gatehouse_worker_ends_total 1$/m)
  assert.match(metrics, /^gatehouse_workers_ready 2$/m)
  assert.match(metrics, /^gatehouse_workers_wanted 2$/m)
})

// Each scrape waited two seconds for a worker that was busy with its start. Prometheus gave up, and the alert that says
// that workers are missing never saw a sample.
test('metrics do not wait for a worker that is busy with its start', async (t) => {
  const folder = await tempFolder(t)
  const busy = join(folder, 'busy')
  const index = new URL('../../proxy/index.ts', import.meta.url).href
  await writeFile(
    join(folder, 'slow.ts'),
    `import { existsSync, writeFileSync } from 'node:fs'
import { defineMiddleware } from '${index}'
const until = Date.now() + 30_000
if (existsSync('${busy}')) writeFileSync('${busy}.begun', '')
while (existsSync('${busy}') && Date.now() < until);
export default defineMiddleware({ create: () => (request, response, next) => next() })
`,
  )
  const upstream = await startUpstream(t)
  const gatehouse = await served(t, `  - { name: all, middleware: [{ use: slow }], to: "${upstream.url}" }`, {
    workers: 2,
    settings: `extensions: { slow: "${folder}/slow.ts" }`,
  })
  await writeFile(busy, '')
  const [victim] = gatehouse.workers() as [number, number]
  process.kill(victim, 'SIGKILL')
  await eventually(() => existsSync(`${busy}.begun`), { timeout: 30_000 })
  let quickest = Number.POSITIVE_INFINITY
  await eventually(
    async () => {
      const began = performance.now()
      const metrics = await gatehouse.metrics()
      quickest = Math.min(quickest, performance.now() - began)
      assert.match(metrics, /^gatehouse_workers_ready 1$/m)
      return quickest < 1_000
    },
    { timeout: 20_000 },
  )
  await rm(busy)
  await eventually(async () => (await gatehouse.readiness()).reasons.length === 0, { timeout: 15_000 })
})

function requestsIn(metrics: string): number {
  return Number(/^gatehouse_entrypoint_requests_total\{code="200".*\} (\d+)$/m.exec(metrics)?.[1])
}
