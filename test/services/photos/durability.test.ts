import assert from 'node:assert/strict'
import { once } from 'node:events'
import { readdir } from 'node:fs/promises'
import type { IncomingMessage } from 'node:http'
import { request as httpsRequest } from 'node:https'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { after, test } from 'node:test'
import sharp from 'sharp'
import { openDatabase } from '../../../services/shared/database.ts'
import { createLogger } from '../../../services/shared/logger.ts'
import { eventually } from '../../harness/eventually.ts'
import { jpegOf, paint } from './known-pictures.ts'
import { type Scene, startScene } from './scene.ts'

/** Whatever is answered is kept, and nothing is kept by half: the service is killed while it is busiest. */

const scene = await startScene({ after }, { MAX_CONCURRENT_UPLOADS: '60' })
const who = await scene.signIn()
const jpeg = await jpegOf(await paint('landscape', 96))

interface Row {
  readonly id: string
  readonly status: string
  readonly original_url: string
  readonly processed_url: string
}

test('fifty uploads at once, killed in the middle: nothing is lost, nothing is half there', {
  timeout: 180_000,
}, async (t) => {
  const taken: string[] = []
  const broken: number[] = []
  let isKilled = false
  const uploads = Array.from({ length: 50 }, async (_, index) => {
    const reply = await scene.upload(who, jpeg, { filename: `picture ${index}.jpg` }).catch(() => undefined)
    if (reply?.status === 202) taken.push(JSON.parse(reply.text).id)
    else broken.push(reply?.status ?? 0)
    // In the middle: some have been answered, others are under way, and one is being restored.
    if (taken.length >= 20 && !isKilled) {
      isKilled = true
      await scene.service.stop('SIGKILL')
    }
  })
  await Promise.all(uploads)
  assert.ok(taken.length >= 20 && broken.length > 0, `${taken.length} taken, ${broken.length} broken off`)
  for (const status of broken) assert.ok([0, 502, 503].includes(status), String(status))

  await scene.startService()
  const again = await scene.signIn()
  const rows = await eventually(() => allDone(again), { timeout: 120_000, every: 500 })
  t.diagnostic(
    `${taken.length} answered before the kill, ${broken.length} broken off, ${rows.length} there afterwards`,
  )
  const ids = new Set(rows.map(({ id }) => id))
  for (const id of taken) assert.ok(ids.has(id), `${id} was answered, and is lost`)
  // The token of before the kill holds: sessions are in the database.
  for (const { original_url, processed_url } of rows)
    for (const path of [original_url, processed_url]) {
      const { status, body } = await scene.ask(path, { headers: who })
      assert.equal(status, 200, path)
      await sharp(body, { failOn: 'warning' }).raw().toBuffer()
    }
  await filesAreThoseOf(scene, ids)
})

test('a stop puts what is under way back, and the next start goes on with it', {
  timeout: 60_000,
}, async () => {
  const large = await jpegOf(await paint('portrait', 600))
  const { id } = JSON.parse((await scene.upload(who, large, { model: 'restore' })).text)
  await eventually(
    async () =>
      JSON.parse((await scene.ask(`/api/v1/restore/${id}`, { headers: who })).text).status === 'running',
  )
  const events = await watch(`/api/v1/restore/${id}/events`)
  assert.equal(await scene.service.stop('SIGTERM'), 0)
  // Ended, not cut: who watches asks again.
  assert.match(await text(events), /^event: progress\n/)
  await scene.startService()
  const row = await scene.ended(who, id)
  assert.deepEqual([row.status, row.error], ['done', null])
})

test('pictures that are too old go, with their files', { timeout: 60_000 }, async () => {
  const { id } = JSON.parse((await scene.upload(who, jpeg, { sync: true })).text)
  await scene.service.stop()
  // The embedded database is of one process at a time, and nobody has it now.
  const database = await openDatabase({
    url: undefined,
    folder: join(scene.data, 'database'),
    migrations: new URL('../../../services/photos/migrations/', import.meta.url),
    log: createLogger({ service: 'test' }),
  })
  await database.pool.query(`update restorations set created_at = now() - interval '2 hours'`)
  await database.close()
  await scene.startService({ SESSION_CLEANUP_HOURS: '1' })
  assert.equal((await scene.ask(`/api/v1/restore/${id}`, { headers: who })).status, 404)
  await filesAreThoseOf(scene, new Set())
})

/** Answers the stream when it has begun. */
async function watch(path: string): Promise<IncomingMessage> {
  const asked = httpsRequest({
    host: '127.0.0.1',
    port: scene.port,
    path,
    servername: 'photos.localhost',
    rejectUnauthorized: false,
    headers: { ...who, host: `photos.localhost:${scene.port}` },
  }).end()
  const [response] = (await once(asked, 'response')) as [IncomingMessage]
  return response
}

async function allDone(who: { authorization: string }): Promise<Row[] | undefined> {
  const { items } = JSON.parse((await scene.ask('/api/v1/restore/history?limit=100', { headers: who })).text)
  return (items as Row[]).every(({ status }) => status === 'done') ? items : undefined
}

/** Each has its upload, its thumbnail and its result; nobody else has anything. */
async function filesAreThoseOf({ data }: Scene, ids: ReadonlySet<string>): Promise<void> {
  const namesIn = async (folder: string) =>
    (await readdir(join(data, folder))).filter((name) => name !== 'incoming').sort()
  const expected = [...ids].flatMap((id) => [`${id}.jpg`, `${id}.thumb.webp`]).sort()
  assert.deepEqual(await namesIn('uploads'), expected)
  assert.deepEqual(await namesIn('processed'), [...ids].map((id) => `${id}.jpg`).sort())
  for (const folder of ['uploads/incoming', 'processed/incoming'])
    assert.deepEqual(await readdir(join(data, folder)), [])
}
