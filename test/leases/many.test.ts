import assert from 'node:assert/strict'
import { test } from 'node:test'
import { announceMany } from '../../services/shared/announce-many.ts'
import { eventually } from '../harness/eventually.ts'
import { request } from '../harness/request.ts'
import { onEnd } from '../harness/teardown.ts'
import { startUpstream } from '../harness/upstream.ts'
import { startScene } from './scene.ts'

/** One service stands for many targets, and says by one call that all of them live. */

test('many keyed targets are announced, live by common heartbeats, and are back after a restart', async (t) => {
  const scene = await startScene(t, { workers: 1 })
  const upstream = await startUpstream(t)
  const { admin, token } = scene
  const many = announceMany({ upstream: 'desktop', admin, token, ttl: 3_000, onTrouble: () => {} })
  onEnd(t, () => many.close('stay'))
  const keys = Array.from({ length: 200 }, (_, at) => `user${at}-vscode`)
  await Promise.all(keys.map((key) => many.add({ key, url: upstream.url })))
  const well = async () =>
    (await scene.targets()).filter(({ lease, health }) => lease && health === 'well').length
  assert.equal(await well(), 200)
  // Longer than two ttl: without heartbeats all would have ended.
  const until = Date.now() + 7_000
  while (Date.now() < until) {
    assert.ok((await scene.targets()).filter(({ lease }) => lease).length === 200)
    await new Promise((resolve) => setTimeout(resolve, 500))
  }
  const metrics = (await request(`${admin}/metrics`)).text
  assert.match(metrics, /^gatehouse_upstream_heartbeats_total\{service="desktop",result="registered"\} 200$/m)
  await scene.proxy.stop('SIGKILL')
  await scene.start()
  await eventually(async () => (await well()) === 200, { timeout: 20_000 })
  assert.equal((await request(`${scene.url}/desktop/user7-vscode`)).status, 200)
  await many.remove({ key: 'user7-vscode' })
  await eventually(async () => (await request(`${scene.url}/desktop/user7-vscode`)).status === 503)
  assert.equal((await request(`${scene.url}/desktop/user8-vscode`)).status, 200)
})

test('a heartbeat of many renews what is known in these words, and names the rest', async (t) => {
  const scene = await startScene(t, { workers: 1 })
  const put = await scene.call('PUT', 'desktop/keys/alice/targets/one', { url: 'http://127.0.0.1:9' })
  const { revision } = JSON.parse(put.text) as { revision: string }
  const beat = async (body: object, token = scene.token) => {
    const headers = { authorization: `Bearer ${token}` }
    const reply = await request(`${scene.admin}/v1/heartbeats`, {
      method: 'POST',
      headers,
      body: JSON.stringify(body),
    })
    return { status: reply.status, ...(JSON.parse(reply.text) as object) } as Record<string, unknown>
  }
  const leases = { 'alice/one': revision, 'alice/two': revision, 'bob/one': revision }
  const answer = await beat({ upstream: 'desktop', leases })
  assert.deepEqual(answer, { status: 200, renewed: 1, unknown: ['alice/two', 'bob/one'] })
  // Somebody else said something else meanwhile.
  await scene.call('PUT', 'desktop/keys/alice/targets/one', { url: 'http://127.0.0.1:10' })
  assert.deepEqual((await beat({ upstream: 'desktop', leases })).renewed, 0)
  for (const [what, body, status] of [
    ['another upstream', { upstream: 'fixed', leases: {} }, 403],
    ['no leases', { upstream: 'desktop' }, 400],
    [
      'too many',
      { upstream: 'desktop', leases: Object.fromEntries(Array.from({ length: 5_001 }, (_, at) => [at, ''])) },
      413,
    ],
  ] as const)
    assert.equal((await beat(body)).status, status, what)
  assert.equal((await beat({ upstream: 'desktop', leases }, 'x.y.z')).status, 401)
})
