import assert from 'node:assert/strict'
import { readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { after, describe, type TestContext, test } from 'node:test'
import pg from 'pg'
import { eventually } from '../../harness/eventually.ts'
import { needs } from '../../harness/parts.ts'
import { request } from '../../harness/request.ts'
import { startPostgres } from '../postgres.ts'
import { chunkSize, chunksOf, openSession, sendUntilTaken, sha256, someRecording } from './client.ts'
import { type CameraService, startCamera } from './service.ts'

/** What becomes of recordings when the service is killed, the disk is full, the database is away, or time has passed. */

const [killable, postgres] = await Promise.all([
  startCamera({ after }),
  needs('postgresql').skip === false ? startPostgres({ after }) : undefined,
])

test('twenty recordings at once are whole although the service, with its own database, is killed', async () => {
  await sendThroughKills(killable, [60])
})

describe('room', needs('postgresql'), () => {
  const quotas = { MAX_RECORDING: '200000', SESSION_QUOTA: '250000', TOTAL_QUOTA: '400000' }

  test('is limited for a recording, a session and all of them', async (t) => {
    const service = await startOnPostgres(t, quotas)
    const client = await openSession(() => service.url)
    const chunk = someRecording(chunkSize)
    assert.equal((await client.send('long', chunk, { index: 3 })).status, 413)
    for (const index of [0, 1, 2]) assert.equal((await client.send('a', chunk, { index })).status, 200)
    const over = await client.send('b', chunk, { index: 0 })
    assert.equal(over.status, 413)
    assert.match(over.text, /delete one first/)
    const others = await openSession(() => service.url)
    for (const index of [0, 1, 2]) assert.equal((await others.send('a', chunk, { index })).status, 200)
    const last = await openSession(() => service.url)
    const full = await last.send('a', chunk, { index: 0 })
    assert.equal(full.status, 507)
    assert.ok(full.headers['retry-after'])
    const own = { authorization: `Bearer ${client.token}` }
    const address = `${service.url}/api/session/${client.sessionId}/recordings/a`
    assert.equal((await request(address, { method: 'DELETE', headers: own })).status, 204)
    assert.equal((await last.send('a', chunk, { index: 0 })).status, 200, 'what was deleted gives room')
  })

  test('is not for more recordings than a session may have, however small they are', async (t) => {
    const service = await startOnPostgres(t, { MAX_RECORDINGS: '2' })
    const client = await openSession(() => service.url)
    const tiny = someRecording(10)
    const send = (name: string) => client.send(name, tiny, { index: 0, total: 1 })
    const statuses = [await send('a'), await send('b'), await send('c'), await send('a')].map(
      ({ status }) => status,
    )
    assert.deepEqual(statuses, [200, 200, 413, 200])
  })

  test('cannot be had twice by chunks that come at once', async (t) => {
    const service = await startOnPostgres(t, quotas)
    const client = await openSession(() => service.url)
    const chunk = someRecording(chunkSize)
    const replies = await Promise.all(
      Array.from({ length: 12 }, (_, at) => client.send(`take-${at}`, chunk, { index: 0, total: 1 })),
    )
    assert.equal(replies.filter(({ status }) => status === 200).length, 3)
  })

  // Bytes that were refused were counted by nobody, and could fill the disk that the quotas are there for.
  test('is taken by what is refused as well, until the right bytes come or it is deleted', async (t) => {
    const service = await startOnPostgres(t, quotas)
    const client = await openSession(() => service.url)
    const chunk = someRecording(chunkSize)
    const form = { sha256: '0'.repeat(64) }
    for (const index of [0, 1, 2]) assert.equal((await client.send('a', chunk, { index, form })).status, 400)
    const over = await client.send('b', chunk, { index: 0 })
    assert.equal(over.status, 413, over.text)
    // They have their places, so those who were cut off can go on.
    for (const index of [0, 1, 2]) assert.equal((await client.send('a', chunk, { index })).status, 200)
    assert.equal((await client.send('b', chunk, { index: 0 })).status, 413)
    const bytesOf = async (name: string) =>
      (await client.videos()).find(({ video_id }) => video_id === name)?.size
    assert.equal(await bytesOf('a'), 3 * chunkSize)
    const own = { authorization: `Bearer ${client.token}` }
    const address = `${service.url}/api/session/${client.sessionId}/recordings/`
    assert.equal((await request(`${address}a`, { method: 'DELETE', headers: own })).status, 204)
    for (const index of [0, 1, 2]) assert.equal((await client.send('c', chunk, { index, form })).status, 400)
    assert.equal((await request(`${address}c`, { method: 'DELETE', headers: own })).status, 204)
    assert.equal((await client.send('b', chunk, { index: 0 })).status, 200, 'what was deleted gives room')
    assert.equal((await client.send('b', chunk, { index: 2, form })).status, 400)
    // Two chunks, of which the second is the last: what was spoilt behind the end is cut off.
    assert.equal((await client.send('b', chunk, { index: 1, total: 2 })).status, 200)
    assert.equal((await client.fetch('b')).body.length, 2 * chunkSize)
    assert.equal((await client.send('d', chunk, { index: 0 })).status, 200, 'and takes no room any more')
  })

  test('is left on the disk for others', async (t) => {
    const service = await startOnPostgres(t, { DISK_RESERVE: String(2 ** 49) })
    const client = await openSession(() => service.url)
    assert.equal((await client.send('a', someRecording(100), { index: 0, total: 1 })).status, 507)
  })
})

describe('with a real Postgres', needs('postgresql'), () => {
  test('what was taken outlives the database, and what comes meanwhile is told to wait', async (t) => {
    const service = await startOnPostgres(t)
    const client = await openSession(() => service.url)
    const recording = someRecording(chunkSize * 2 + 5)
    const [first, second, third] = chunksOf(recording) as [Buffer, Buffer, Buffer]
    await client.send('take', first, { index: 0, total: 3 })
    await postgres?.stop()
    const away = await client.send('take', second, { index: 1, total: 3 })
    assert.equal(away.status, 503)
    assert.ok(away.headers['retry-after'])
    const health = JSON.parse((await request(`${service.url}/health`)).text)
    assert.deepEqual([health.status, health.database], ['degraded', { kind: 'postgres', answers: false }])
    await postgres?.start()
    await sendUntilTaken(client, 'take', third, { index: 2, total: 3 })
    await sendUntilTaken(client, 'take', second, { index: 1, total: 3 })
    assert.equal(sha256((await client.fetch('take')).body), sha256(recording))
  })

  test('twenty recordings at once are whole although the service is killed twice', async (t) => {
    await sendThroughKills(await startOnPostgres(t), [30, 90])
  })

  test('a full disk costs the chunk that came, not the recording', async (t) => {
    const small = 'mount -t tmpfs -o size=300k tmpfs "$DATA_DIR" && exec "$@"'
    const before = ['unshare', '--mount', 'sh', '-c', small, 'sh']
    const service = await startOnPostgres(t, {}, before).catch((error) => {
      if (/unshare|mount/.test(String(error))) return undefined
      throw error
    })
    if (!service) return t.skip('needs the right to mount')
    const client = await openSession(() => service.url)
    const other = await openSession(() => service.url)
    const chunk = someRecording(chunkSize)
    let at = 0
    for (; at < 6; at++)
      if ((await client.send(`fill-${at}`, chunk, { index: 0, total: 1 })).status !== 200) break
    assert.ok(at > 0 && at < 6, `the disk was full after ${at}`)
    const full = await other.send('take', chunk, { index: 0, total: 1 })
    assert.equal(full.status, 507, full.text)
    const own = { authorization: `Bearer ${client.token}` }
    for (const name of ['fill-0', `fill-${at}`])
      await request(`${service.url}/api/session/${client.sessionId}/recordings/${name}`, {
        method: 'DELETE',
        headers: own,
      })
    const again = await other.send('take', chunk, { index: 0, total: 1 })
    assert.equal(JSON.parse(again.text).status, 'video_complete')
    assert.equal(sha256((await other.fetch('take')).body), sha256(chunk))
    assert.equal(sha256((await client.fetch('fill-1')).body), sha256(chunk))
  })

  test('what is too old goes: recordings, what never became one, and sessions', async (t) => {
    const service = await startOnPostgres(t)
    const client = await openSession(() => service.url)
    const chunk = someRecording(chunkSize)
    for (const name of ['new', 'old']) await client.send(name, chunk, { index: 0, total: 1 })
    for (const name of ['started', 'abandoned']) await client.send(name, chunk, { index: 0 })
    await client.send('lost', chunk, { index: 0, total: 1 })
    const forgotten = await openSession(() => service.url)
    const database = new pg.Client({ connectionString: service.env.DATABASE_URL })
    await database.connect()
    await database.query(
      `update recordings set updated_at = now() - interval '40 days' where video_id = 'old'`,
    )
    await database.query(
      `update recordings set updated_at = now() - interval '3 days' where video_id = 'abandoned'`,
    )
    // All of it came, nobody finished it, and then its file was lost: the others have to go all the same.
    const lost = await database.query(
      `update recordings set state = 'receiving' where video_id = 'lost' returning id`,
    )
    await rm(join(service.folder, 'recordings', `${lost.rows[0].id}.webm`))
    await database.query(`update sessions set expires_at = now() - interval '1 hour' where id = $1`, [
      forgotten.sessionId,
    ])
    await service.kill()
    await service.start()
    const left = await eventually(async () => {
      const names = (await client.videos()).map(({ video_id }) => video_id)
      return names.length === 3 && names
    })
    assert.deepEqual(left.toSorted(), ['lost', 'new', 'started'])
    assert.match(service.log(), /a recording cannot be finished/)
    await eventually(async () => (await readdir(join(service.folder, 'recordings'))).length === 2)
    await eventually(async () => (await database.query('select 1 from sessions')).rowCount === 1)
    const { rows } = await database.query('select bytes from sessions')
    assert.equal(Number(rows[0].bytes), 3 * chunkSize, 'what went is not counted any more')
    assert.equal((await forgotten.send('x', chunk, { index: 0 })).status, 401)
    await database.end()
  })
})

test('names all wrong settings at once and ends with code 2', async (t) => {
  const env = {
    PUBLIC_URL: 'http://plain.example',
    MAX_CHUNK: '0',
    QUALITY_ENGINE: 'magic',
    TRITON_URL: 'file:///x',
    DATABASE_URL: 'mysql://x',
    PORT: '70000',
    GATEHOUSE_ADMIN: 'nowhere',
  }
  await assert.rejects(startCamera(t, { env }), (error: Error) => {
    assert.match(error.message, /ended with 2/)
    for (const name of Object.keys(env)) assert.match(error.message, new RegExp(`setting ${name}`))
    return true
  })
})

/** Twenty recordings at once; the service is killed, and starts again, when so many chunks were taken. */
async function sendThroughKills(service: CameraService, kills: readonly number[]): Promise<void> {
  const recordings = await Promise.all(
    Array.from({ length: 20 }, async () => ({
      client: await openSession(() => service.url),
      bytes: someRecording(chunkSize * 6 + 99),
    })),
  )
  let taken = 0
  const sending = recordings.map(async ({ client, bytes }, at) => {
    const chunks = chunksOf(bytes).map((chunk, index) => ({ chunk, index }))
    // Not in order, and not the same in each.
    const place = ({ index }: { index: number }) => (index * 5 + at) % 7
    for (const { chunk, index } of chunks.toSorted((one, other) => place(one) - place(other))) {
      await sendUntilTaken(client, 'take', chunk, { index, total: 7 })
      taken++
    }
  })
  const all = Promise.all(sending)
  for (const many of kills) {
    await Promise.race([all, eventually(() => taken > many, { timeout: 30_000 })])
    await service.kill()
    await service.start()
  }
  await all
  for (const { client, bytes } of recordings)
    assert.equal(sha256((await client.fetch('take')).body), sha256(bytes))
  const names = await readdir(join(service.folder, 'recordings'))
  assert.equal(names.filter((name) => name.endsWith('.webm')).length, 20)
  assert.equal(names.length, 20, 'nothing is left over')
}

/** A service with a database of its own on the one server. */
async function startOnPostgres(t: TestContext, env: NodeJS.ProcessEnv = {}, before: readonly string[] = []) {
  return startCamera(t, { env: { DATABASE_URL: await postgres?.createDatabase(), ...env }, before })
}
