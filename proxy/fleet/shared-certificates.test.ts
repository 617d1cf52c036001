import assert from 'node:assert/strict'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { selfSigned } from '../../test/harness/certificate.ts'
import { eventually } from '../../test/harness/eventually.ts'
import { needs } from '../../test/harness/parts.ts'
import { type RunningRedis, startRedis } from '../../test/harness/redis.ts'
import { onEnd, type Teardown } from '../../test/harness/teardown.ts'
import { tempFolder } from '../../test/harness/temp-folder.ts'
import { redis as redisSchema } from '../config/redis-schema.ts'
import type { Companions } from '../tls/acme/automatic.ts'
import { countScript } from './count-script.ts'
import { type FleetKey, readFleetKey } from './fleet-key.ts'
import { openRedis } from './redis.ts'
import { shareCertificates } from './shared-certificates.ts'

const host = 'app.test'

test(
  'one of two orders, the other has what came of it, and what was refused holds for both',
  needs('redis'),
  async (t) => {
    const redis = await startRedis(t)
    const one = await member(t, redis, 'one')
    const other = await member(t, redis, 'other')
    assert.equal((await one.turn(host, true)).isOurs, true)
    assert.equal((await other.turn(host, true)).isOurs, false)
    const { key, cert } = await selfSigned([host])
    const pem = `${key}\n${cert}`
    await one.issued(host, pem)
    assert.equal(await other.exchange(host, undefined), pem)
    assert.equal(await one.exchange(host, pem), undefined, 'it is no newer')
    assert.equal((await other.turn(host, true)).isOurs, true)
    const trouble = { failures: 3, reason: 'refused', mend: 'mend it', next: Date.now() + 60_000 }
    await other.failed(host, trouble)
    const told = await one.turn(host, true)
    assert.deepEqual([told.isOurs, told.again, told.trouble], [false, trouble.next, trouble])
    // A Redis that forgot is told again by whoever has it.
    await redis.cli('FLUSHALL')
    assert.equal(await one.exchange(host, pem), undefined)
    assert.equal(await other.exchange(host, undefined), pem)
  },
)

test(
  'what is no certificate of that host, or not from a proxy of the fleet, is not taken',
  needs('redis'),
  async (t) => {
    const redis = await startRedis(t)
    const one = await member(t, redis, 'one')
    const { key, cert } = await selfSigned(['shop.test'])
    await one.issued('shop.test', `${key}\n${cert}`)
    const stored = await redis.cli('GET', 'gatehouse:acme:certificate:shop.test')
    assert.doesNotMatch(Buffer.from(stored, 'base64').toString('latin1'), /-----BEGIN|shop/)
    for (const text of [stored, `${key}\n${cert}`, 'x', Buffer.alloc(500).toString('base64')]) {
      await redis.cli('SET', `gatehouse:acme:certificate:${host}`, text)
      assert.equal(await one.exchange(host, undefined), undefined)
    }
  },
)

test(
  'without Redis nobody orders, until it has been away for long and a certificate is about to end',
  needs('redis'),
  async (t) => {
    const redis = await startRedis(t)
    const patient = await member(t, redis, 'patient')
    const alone = await member(t, redis, 'alone', 0)
    await redis.signal('SIGKILL')
    await eventually(async () => (await alone.turn(host, true)).isOurs, { timeout: 10_000 })
    assert.equal((await alone.turn(host, false)).isOurs, false)
    assert.equal((await patient.turn(host, true)).isOurs, false)
    // It orders, and nothing of that rejects.
    await alone.issued(host, 'x')
    await alone.failed(host, { failures: 1, reason: '', mend: '', next: 0 })
    assert.equal(await alone.exchange(host, 'x'), undefined)
  },
)

async function member(
  t: Teardown,
  { address }: RunningRedis,
  id: string,
  aloneAfter?: number,
): Promise<Companions> {
  const folder = await tempFolder(t)
  await mkdir(join(folder, 'certs'))
  await writeFile(join(folder, 'certs/registration.key'), 'k'.repeat(43))
  const redis = await openRedis({
    config: redisSchema.parse({ address }),
    folder,
    env: {},
    countScript,
    channel: 'gatehouse:news',
    heard: () => {},
    changed: (there) => shared?.changed(there),
  })
  onEnd(t, () => redis.close())
  const shared = shareCertificates({
    id,
    prefix: 'gatehouse:',
    redis: () => redis,
    key: readFleetKey(folder) as FleetKey,
    others: () => 1,
    onTrouble: () => {},
    aloneAfter,
  })
  shared.changed(redis.there)
  await eventually(() => redis.there, { timeout: 10_000 })
  shared.changed(true)
  return shared.companions
}
