import assert from 'node:assert/strict'
import { test } from 'node:test'
import { eventually } from '../harness/eventually.ts'
import { needs } from '../harness/parts.ts'
import { startRedis } from '../harness/redis.ts'
import { request } from '../harness/request.ts'
import { startUpstream } from '../harness/upstream.ts'
import { limitHolds } from './limits.ts'
import { type Member, startFleet } from './scene.ts'

/** Three proxies and a real Redis. What it costs to be without it is in `outages.test.ts`. */

const patient = { timeout: 15_000 }
const statusOf = async (proxy: Member, path: string): Promise<number> =>
  (await request(proxy.url + path)).status

test('what is announced to one proxy is served by all, until it leaves', needs('redis'), async (t) => {
  const redis = await startRedis(t)
  const { proxies, announce } = await startFleet(t, { redis: `{ address: "${redis.address}" }` })
  const [first, , third] = proxies as [Member, Member, Member]
  const upstream = await startUpstream(t)
  const announced = announce(first, 'photos', upstream.url)
  await announced.heard
  for (const proxy of proxies)
    await eventually(async () => (await statusOf(proxy, '/photos')) === 200, patient)
  const there = (await third.targets()).find(({ upstream }) => upstream === 'photos')
  assert.equal(typeof there?.lease?.via, 'string')
  assert.equal(there?.lease?.sinceHeartbeatMs, undefined)
  for (const proxy of proxies) assert.equal(await proxy.metric('gatehouse_fleet_proxies'), 3)
  await announced.draining()
  await eventually(async () => (await third.targets())[0]?.health === 'draining', patient)
  await announced.leave()
  for (const proxy of proxies)
    await eventually(async () => (await statusOf(proxy, '/photos')) === 503, patient)
  assert.equal(await redis.cli('HLEN', `gatehouse:leases:${there?.lease?.via}`), '1')
})

test('a limit of 100 is 100 over three proxies', needs('redis'), async (t) => {
  const redis = await startRedis(t)
  const fleet = await startFleet(t, { redis: `{ address: "${redis.address}" }`, workers: 2 })
  const upstream = await startUpstream(t)
  await fleet.announce(fleet.proxies[0] as Member, 'photos', upstream.url).heard
  for (const proxy of fleet.proxies)
    await eventually(async () => (await statusOf(proxy, '/photos')) === 200, patient)
  for (const client of ['one', 'another', 'third']) await limitHolds(fleet, client)
})
