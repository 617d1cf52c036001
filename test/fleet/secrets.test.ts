import assert from 'node:assert/strict'
import { once } from 'node:events'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import tls from 'node:tls'
import { runCli } from '../harness/cli.ts'
import { eventually } from '../harness/eventually.ts'
import { needs } from '../harness/parts.ts'
import { startRedis } from '../harness/redis.ts'
import { request } from '../harness/request.ts'
import { startUpstream } from '../harness/upstream.ts'
import { type Member, startFleet } from './scene.ts'

/** What the proxies of a fleet believe, and whom. */

const patient = { timeout: 20_000 }

test('a token that is revoked on one machine holds on none', needs('redis'), async (t) => {
  const redis = await startRedis(t)
  const fleet = await startFleet(t, { redis: `{ address: "${redis.address}" }`, proxies: 2 })
  const [first, second] = fleet.proxies as [Member, Member]
  const { token, id } = await fleet.makeToken('photos')
  const put = () =>
    request(`${second.admin}/v1/upstreams/photos/targets/one`, {
      method: 'PUT',
      headers: { authorization: `Bearer ${token}` },
      body: JSON.stringify({ url: 'http://127.0.0.1:9' }),
    })
  assert.equal((await put()).status, 201)
  assert.equal((await runCli(['token', '--revoke', id, '--file', first.file])).code, 0)
  await eventually(async () => (await put()).status === 401, patient)
  // Also where Redis has forgotten it.
  await redis.cli('FLUSHALL')
  await eventually(async () => (await redis.cli('SMEMBERS', 'gatehouse:revoked')) === id, patient)
  assert.equal((await put()).status, 401)
})

test('who may write to Redis alone can name no target', needs('redis'), async (t) => {
  const redis = await startRedis(t)
  const fleet = await startFleet(t, { redis: `{ address: "${redis.address}" }`, proxies: 1 })
  const [proxy] = fleet.proxies as [Member]
  const evil = await startUpstream(t)
  const record = JSON.stringify({
    upstream: 'photos',
    id: 'evil',
    url: evil.url,
    ttl: 30_000,
    weight: 1,
    state: 'ready',
    metadata: {},
    by: 'x',
    announcedAt: 1,
    saidAt: Date.now(),
  })
  const name = 'evil'
  for (const seal of ['', `${'A'.repeat(43)} `]) {
    await redis.cli('HSET', 'gatehouse:leases:evil', name, seal + record, '#', '1')
    await redis.cli('ZADD', 'gatehouse:proxies', String(Date.now()), 'evil')
    const news = {
      kind: 'leases',
      from: 'evil',
      sequence: 1,
      put: { [name]: seal + record },
      gone: [],
      left: {},
    }
    await redis.cli('PUBLISH', 'gatehouse:news', seal + JSON.stringify(news))
  }
  await proxy.process.said(/another certs\/registration\.key/)
  await proxy.process.stop()
  await proxy.start()
  assert.deepEqual(await proxy.targets(), [])
  assert.equal((await request(`${proxy.url}/photos`)).status, 503)
})

test('a proxy with another registration key is told so, and believed by none', needs('redis'), async (t) => {
  const redis = await startRedis(t)
  const fleet = await startFleet(t, { redis: `{ address: "${redis.address}" }`, proxies: 2 })
  const [first, second] = fleet.proxies as [Member, Member]
  await second.process.stop()
  await writeFile(join(second.folder, 'certs/registration.key'), 'k'.repeat(43))
  await second.start()
  const upstream = await startUpstream(t)
  await fleet.announce(first, 'photos', upstream.url).heard
  await second.process.said(/another certs\/registration\.key/)
  assert.deepEqual(await second.targets(), [])
})

test('a TLS session that began with one proxy goes on with another', needs('redis'), async (t) => {
  const redis = await startRedis(t)
  const fleet = await startFleet(t, {
    redis: `{ address: "${redis.address}" }`,
    proxies: 2,
    listener: ', tls: true',
  })
  await eventually(async () => (await redis.cli('EXISTS', 'gatehouse:tickets')) === '1', patient)
  const [first, second] = fleet.proxies.map(({ url }) => Number(new URL(url).port)) as [number, number]
  // Each made a certificate of its own; the session is what counts here.
  await eventually(async () => {
    const session = await sessionOf(first)
    assert.equal(await resumes(second, session), true)
    return true
  }, patient)
})

async function sessionOf(port: number): Promise<Buffer> {
  const socket = tls.connect({ port, host: '127.0.0.1', rejectUnauthorized: false, maxVersion: 'TLSv1.2' })
  const [session] = await once(socket, 'session')
  socket.destroy()
  return session
}

async function resumes(port: number, session: Buffer): Promise<boolean> {
  const socket = tls.connect({
    port,
    host: '127.0.0.1',
    rejectUnauthorized: false,
    maxVersion: 'TLSv1.2',
    session,
  })
  await once(socket, 'secureConnect')
  const isReused = socket.isSessionReused()
  socket.destroy()
  return isReused
}
