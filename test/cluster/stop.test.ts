import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { eventually } from '../harness/eventually.ts'
import { request } from '../harness/request.ts'
import { startUpstream } from '../harness/upstream.ts'
import { openWebSocket } from '../harness/websocket.ts'
import { ended, type Served, served } from './served.ts'

/** The end of a Gatehouse: what is under way ends well, and nothing new begins. */

async function withSlowUpstream(
  t: TestContext,
  settings = '',
): Promise<{ gatehouse: Served; answer: () => void }> {
  let answer = (): void => {}
  const upstream = await startUpstream(
    t,
    (_, response) => {
      response.write('begun ')
      answer = () => response.end('ended')
    },
    { websocket: () => {} },
  )
  const gatehouse = await served(t, `  - { name: all, to: "${upstream.url}" }`, { workers: 2, settings })
  return { gatehouse, answer: () => answer() }
}

test('SIGTERM lets a slow response end, takes nothing new, and is not ready meanwhile', async (t) => {
  const { gatehouse, answer } = await withSlowUpstream(t)
  const workers = gatehouse.workers()
  const slow = request(gatehouse.url, { timeout: 20_000 })
  await eventually(async () => /requests_total|openconnections/.test(await gatehouse.metrics()))
  await eventually(async () => openConnections(await gatehouse.metrics()) === 1)
  gatehouse.child.kill('SIGTERM')
  await eventually(async () => {
    const { status, reasons } = await gatehouse.readiness()
    return status === 503 && reasons[0] === 'stopping'
  })
  await eventually(() => request(gatehouse.url).then(() => false, refused))
  answer()
  const reply = await slow
  assert.deepEqual([reply.status, reply.text], [200, 'begun ended'])
  await ended(workers)
  assert.equal(await gatehouse.stop(), 0)
})

test('a response that takes longer than `limits.stop` is cut', async (t) => {
  const { gatehouse } = await withSlowUpstream(t, 'limits: { stop: 300ms }')
  const slow = request(gatehouse.url)
  slow.catch(() => {})
  await eventually(async () => openConnections(await gatehouse.metrics()) === 1)
  assert.equal(await gatehouse.stop('SIGTERM'), 0)
  await assert.rejects(slow)
})

test('a second signal ends it at once, workers and all', async (t) => {
  const { gatehouse } = await withSlowUpstream(t)
  const workers = gatehouse.workers()
  request(gatehouse.url).catch(() => {})
  await eventually(async () => openConnections(await gatehouse.metrics()) === 1)
  gatehouse.child.kill('SIGINT')
  await gatehouse.said(/stopping/)
  // Sent again and again: within a moment of the first it counts as the same.
  await eventually(() => {
    gatehouse.child.kill('SIGINT')
    return gatehouse.child.exitCode !== null
  })
  assert.equal(gatehouse.child.exitCode, 130)
  await ended(workers)
})

test('tunnels, which never end by themselves, do not hold up a stop', async (t) => {
  const { gatehouse } = await withSlowUpstream(t)
  const { closed } = await openWebSocket(t, gatehouse.url.replace('http', 'ws'))
  const begun = performance.now()
  assert.equal(await gatehouse.stop('SIGTERM'), 0)
  await closed
  assert.ok(performance.now() - begun < 15_000)
})

test('workers whose primary was killed end by themselves', async (t) => {
  const { gatehouse } = await withSlowUpstream(t)
  const workers = gatehouse.workers()
  await gatehouse.stop('SIGKILL')
  await ended(workers)
})

function openConnections(metrics: string): number {
  const counts = metrics.matchAll(/^gatehouse_open_connections\{[^}]*\} (\d+)$/gm)
  return [...counts].reduce((sum, [, count]) => sum + Number(count), 0)
}

function refused(error: NodeJS.ErrnoException): boolean {
  return error.code === 'ECONNREFUSED'
}
