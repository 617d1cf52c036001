import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { eventually } from '../harness/eventually.ts'
import { needs } from '../harness/parts.ts'
import { type RunningRedis, startRedis } from '../harness/redis.ts'
import { request } from '../harness/request.ts'
import { startUpstream } from '../harness/upstream.ts'
import { limitHolds, passedBy, undisturbed } from './limits.ts'
import { type Fleet, type Member, startFleet } from './scene.ts'

/** Redis goes away in every way that it can, and comes back with what it should not have. */

/** Several processes start for each of these tests, on a machine that may be busy. */
const withRedis = { ...needs('redis'), timeout: 180_000 }
const patient = { timeout: 20_000 }

async function isServed({ url }: Member): Promise<boolean> {
  return (await request(`${url}/photos`)).status === 200
}

async function areAllTold(fleet: Fleet, there: boolean): Promise<void> {
  for (const proxy of fleet.proxies) {
    await eventually(async () => {
      const { ready, reasons } = await proxy.readiness()
      assert.equal(ready, true)
      assert.equal(
        reasons.some((reason) => reason.startsWith('Redis is away')),
        !there,
      )
      assert.equal(await proxy.metric('gatehouse_redis_up'), there ? 1 : 0)
      return true
    }, patient)
  }
}

const vanish: [
  how: string,
  away: (redis: RunningRedis) => Promise<void>,
  back: (redis: RunningRedis) => Promise<void>,
][] = [
  ['is killed and comes back empty', (redis) => redis.signal('SIGKILL'), (redis) => redis.start()],
  ['hangs and goes on', (redis) => redis.signal('SIGSTOP'), (redis) => redis.signal('SIGCONT')],
]

suite('a fleet whose Redis', { concurrency: false }, () => {
  for (const [how, leave, comeBack] of vanish)
    test(`${how} serves on, says so, and is whole again`, withRedis, async (t) => {
      const redis = await startRedis(t)
      const fleet = await startFleet(t, { redis: `{ address: "${redis.address}" }`, proxies: 2 })
      const [first, second] = fleet.proxies as [Member, Member]
      const upstream = await startUpstream(t)
      await fleet.announce(first, 'photos', upstream.url).heard
      await eventually(() => isServed(second), patient)
      await areAllTold(fleet, true)
      await limitHolds(fleet, 'before')

      await leave(redis)
      await areAllTold(fleet, false)
      assert.deepEqual([await isServed(first), await isServed(second)], [true, true])
      // Each of two gives out its half. Whoever had used it up gets no more of it.
      const alone = await passedBy(fleet, 'alone', 300)
      assert.ok(alone >= 90 && alone <= 102, `${alone} of 100 passed`)
      // What is announced meanwhile is known where it was said.
      const other = await startUpstream(t)
      await fleet.announce(first, 'photos', other.url, { id: 'meanwhile' }).heard

      await comeBack(redis)
      await areAllTold(fleet, true)
      await eventually(async () => {
        const ids = (await second.targets()).filter(({ health }) => health === 'well').map(({ id }) => id)
        assert.deepEqual(ids.sort(), ['main', 'meanwhile'])
        return true
      }, patient)
      await limitHolds(fleet, 'after')
    })

  test('comes back with less than it had counted is reminded of it', withRedis, async (t) => {
    const redis = await startRedis(t)
    const fleet = await startFleet(t, {
      redis: `{ address: "${redis.address}" }`,
      proxies: 2,
      routes: slowly,
    })
    const upstream = await startUpstream(t)
    for (const proxy of fleet.proxies) await fleet.announce(proxy, 'photos', upstream.url).heard
    for (const proxy of fleet.proxies) await eventually(() => isServed(proxy), patient)
    const passed = await undisturbed(fleet, async (round) => {
      const client = `one ${round}`
      const before = await passedBy(fleet, client, 58)
      // One more by each, so that the first knows of 59, and the other of all.
      for (const proxy of fleet.proxies) await passedBy({ proxies: [proxy] }, client, 1)
      await redis.cli('FLUSHALL')
      return before + 2 + (await passedBy(fleet, client, 100))
    })
    assert.ok(passed === 100 || passed === 101, `${passed} of 100 passed`)
  })

  test('comes back with leases that have ended forgets them again', withRedis, async (t) => {
    const redis = await startRedis(t)
    const fleet = await startFleet(t, { redis: `{ address: "${redis.address}" }`, proxies: 2 })
    const [first, second] = fleet.proxies as [Member, Member]
    const upstream = await startUpstream(t)
    const announced = fleet.announce(first, 'photos', upstream.url, { id: 'gone' })
    await announced.heard
    await fleet.announce(first, 'photos', upstream.url, { id: 'stays' }).heard
    const ids = async (): Promise<unknown> => (await second.targets()).map(({ id }) => id).sort()
    await eventually(async () => {
      assert.deepEqual(await ids(), ['gone', 'stays'])
      return true
    }, patient)
    const [key = ''] = (await redis.cli('KEYS', 'gatehouse:leases:*'))
      .split('\n')
      .filter((each) => each !== '')
    const keys = (await redis.cli('KEYS', 'gatehouse:leases:*')).split('\n')
    const old = new Map<string, string>()
    for (const each of keys) {
      await redis.cli('COPY', each, `old:${each}`, 'REPLACE')
      old.set(each, `old:${each}`)
    }
    assert.ok(key !== '')
    await announced.leave()
    await eventually(async () => {
      assert.deepEqual(await ids(), ['stays'])
      return true
    }, patient)
    // As a replica that had not heard of it, or an old file, would have it.
    for (const [each, copy] of old) await redis.cli('COPY', copy, each, 'REPLACE')
    await eventually(async () => {
      const fields = await Promise.all(keys.map((each) => redis.cli('HKEYS', each)))
      assert.equal(fields.filter((each) => each.includes('gone')).length, 0)
      assert.deepEqual(await ids(), ['stays'])
      return true
    }, patient)
  })
})

test('a Redis that comes back empty makes nobody read again what it knows', withRedis, async (t) => {
  const redis = await startRedis(t)
  const fleet = await startFleet(t, { redis: `{ address: "${redis.address}" }`, proxies: 2 })
  const [first, second] = fleet.proxies as [Member, Member]
  const upstream = await startUpstream(t)
  await fleet.announce(first, 'photos', upstream.url).heard
  await eventually(() => isServed(second), patient)
  const listsRead = async (): Promise<number> =>
    Number(/cmdstat_hgetall:calls=(\d+)/.exec(await redis.cli('INFO', 'commandstats'))?.[1] ?? 0)
  const before = await listsRead()
  await redis.cli('FLUSHALL')
  await eventually(async () => {
    const keys = (await redis.cli('KEYS', 'gatehouse:leases:*')).split('\n')
    assert.equal(keys.filter((key) => key !== '').length, 2)
    return true
  }, patient)
  // With the next beats each hears the number of the other.
  const published = async (): Promise<number> =>
    Number(/cmdstat_publish:calls=(\d+)/.exec(await redis.cli('INFO', 'commandstats'))?.[1] ?? 0)
  const beats = await published()
  await eventually(async () => (await published()) >= beats + 4, patient)
  assert.equal(await listsRead(), before)
  assert.equal(await isServed(second), true)
})

const slowly = `
  - { name: photos, match: { path: /photos }, to: photos }
  - { name: few, match: { path: /few }, policies: { rateLimit: { limit: 100, per: 5m, by: "header:x-client" } }, to: photos }`

test('without Redis a fleet begins alone, says so, and joins when it is there', withRedis, async (t) => {
  const redis = await startRedis(t)
  await redis.signal('SIGKILL')
  const fleet = await startFleet(t, { redis: `{ address: "${redis.address}" }`, proxies: 2 })
  const [first, second] = fleet.proxies as [Member, Member]
  const upstream = await startUpstream(t)
  await fleet.announce(first, 'photos', upstream.url).heard
  await eventually(() => isServed(first), patient)
  assert.equal((await request(`${second.url}/photos`)).status, 503)
  await areAllTold(fleet, false)
  await redis.start()
  await eventually(() => isServed(second), patient)
  await areAllTold(fleet, true)
})
