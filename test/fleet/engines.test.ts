import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { promisify } from 'node:util'
import { eventually } from '../harness/eventually.ts'
import { freePort } from '../harness/free-port.ts'
import { needs } from '../harness/parts.ts'
import { type RunningRedis, startRedis } from '../harness/redis.ts'
import { request } from '../harness/request.ts'
import type { Teardown } from '../harness/teardown.ts'
import { tempFolder } from '../harness/temp-folder.ts'
import { startUpstream } from '../harness/upstream.ts'
import { limitHolds } from './limits.ts'
import { type Fleet, type Member, startFleet } from './scene.ts'

/** The ways in which Redis is run: with a password, behind sentinels, as a cluster. */

/** Several processes start for each of these tests, on a machine that may be busy. */
const withRedis = { ...needs('redis'), timeout: 180_000 }
const patient = { timeout: 30_000 }

async function isShared(fleet: Fleet, id: string, url: string): Promise<void> {
  const [first, second] = fleet.proxies as [Member, Member]
  await fleet.announce(first, 'photos', url, { id }).heard
  await eventually(
    async () => (await second.targets()).some((target) => target.id === id && target.health === 'well'),
    patient,
  )
}

test(
  'Redis with a password is spoken to, and the password stands in the environment',
  withRedis,
  async (t) => {
    const redis = await startRedis(t, { args: ['--requirepass', 'a secret'], password: 'a secret' })
    const upstream = await startUpstream(t)
    const fleet = await startFleet(t, {
      redis: `{ address: "${redis.address}", password: "env:REDIS_PASSWORD" }`,
      env: { REDIS_PASSWORD: 'a secret' },
      proxies: 2,
    })
    await isShared(fleet, 'one', upstream.url)
    for (const { process } of fleet.proxies) assert.doesNotMatch(process.output.stderr, /a secret/)
  },
)

test('with a wrong password it serves alone, and says why', withRedis, async (t) => {
  const redis = await startRedis(t, { args: ['--requirepass', 'right'], password: 'right' })
  const fleet = await startFleet(t, {
    redis: `{ address: "${redis.address}", password: "env:REDIS_PASSWORD" }`,
    env: { REDIS_PASSWORD: 'wrong' },
    proxies: 1,
  })
  const { ready, reasons } = (await fleet.proxies[0]?.readiness()) ?? {}
  assert.equal(ready, true)
  assert.match(reasons?.join() ?? '', /Redis is away \(.*(WRONGPASS|invalid username-password).*\)/)
})

test('behind sentinels it follows the primary to another server', withRedis, async (t) => {
  const primary = await startRedis(t)
  const replica = await startRedis(t, { args: ['--replicaof', '127.0.0.1', String(primary.port)] })
  const folder = await tempFolder(t)
  const port = await freePort()
  const file = join(folder, 'sentinel.conf')
  await writeFile(
    file,
    `port ${port}
bind 127.0.0.1
dir ${folder}
sentinel monitor gatehouse 127.0.0.1 ${primary.port} 1
sentinel down-after-milliseconds gatehouse 1000
sentinel failover-timeout gatehouse 5000
`,
  )
  const sentinel = await startRedis(t, { sentinel: file, port })
  await eventually(
    async () => (await sentinel.cli('SENTINEL', 'replicas', 'gatehouse')).includes(String(replica.port)),
    patient,
  )
  const upstream = await startUpstream(t)
  const fleet = await startFleet(t, {
    redis: `{ sentinels: { name: gatehouse, addresses: ["127.0.0.1:${port}"] } }`,
    proxies: 2,
  })
  await isShared(fleet, 'before', upstream.url)
  await primary.signal('SIGKILL')
  await eventually(async () => (await replica.cli('ROLE')).startsWith('master'), patient)
  await isShared(fleet, 'after', upstream.url)
  await limitHolds(fleet, 'x')
})

test('a Redis Cluster spreads the counts, and serves the fleet', withRedis, async (t) => {
  const nodes = await Promise.all(Array.from({ length: 3 }, () => startClusterNode(t)))
  const addresses = nodes.map(({ address }) => address)
  const members = nodes.map(({ address, bus }) => `${address}@${bus}`)
  await promisify(execFile)('/usr/bin/redis-cli', ['--cluster', 'create', ...members, '--cluster-yes'])
  for (const node of nodes)
    await eventually(async () => (await node.cli('CLUSTER', 'INFO')).includes('cluster_state:ok'), patient)
  const upstream = await startUpstream(t)
  const fleet = await startFleet(t, { redis: `{ cluster: ["${addresses.join('", "')}"] }`, proxies: 2 })
  await isShared(fleet, 'one', upstream.url)
  await limitHolds(fleet, 'x')
  for (const client of ['a', 'b', 'c', 'd', 'e', 'f'])
    await request(`${fleet.proxies[0]?.url}/few`, { headers: { 'x-client': client } })
  const sizes = await Promise.all(nodes.map(async (node) => Number(await node.cli('DBSIZE'))))
  assert.ok(sizes.filter((size) => size > 0).length >= 2, `keys per node: ${sizes}`)
})

/**
 * A node of a cluster, with a bus port of its own choice: by default it is the client port + 10,000, and that lies among
 * those that the kernel gives to any connection that begins on this machine. The node then ended at its start.
 */
async function startClusterNode(t: Teardown): Promise<RunningRedis & { readonly bus: number }> {
  const bus = await freePort()
  const args = ['--cluster-enabled', 'yes', '--cluster-node-timeout', '2000', '--cluster-port', String(bus)]
  return { ...(await startRedis(t, { args })), bus }
}
