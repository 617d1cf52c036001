import assert from 'node:assert/strict'
import { execFile, execFileSync } from 'node:child_process'
import { chmod, mkdir, readdir, rm, statfs, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { promisify } from 'node:util'
import pg from 'pg'
import sharp from 'sharp'
import { eventually } from '../../harness/eventually.ts'
import { needs } from '../../harness/parts.ts'
import { onEnd, type Teardown } from '../../harness/teardown.ts'
import { tempFolder } from '../../harness/temp-folder.ts'
import { projectFolder } from '../../system/shipped.ts'
import { startPostgres } from '../postgres.ts'
import { jpegOf, paint } from './known-pictures.ts'
import { startPhotos, startScene } from './scene.ts'

/** The photos service on a real Postgres: shared by processes, away and back, backed up and restored; and on a full disk. */

const jpeg = await jpegOf(await paint('portrait', 128))

describe('on a Postgres', needs('postgresql'), () => {
  test('several processes, a database that goes and comes, a backup', { timeout: 180_000 }, async (t) => {
    const postgres = await startPostgres(t)
    const env = { DATABASE_URL: postgres.url }
    const scene = await startScene(t, env)
    const who = await scene.signIn()

    await t.test('a second process starts beside the first, and shows the same pictures', async () => {
      const { id } = JSON.parse((await scene.upload(who, jpeg, { sync: true })).text)
      const second = startPhotos(t, {
        cwd: scene.folder,
        env: {
          ...env,
          SECRET_KEY_FILE: 'certs/photos.key',
          AUTH_PASSWORD: scene.password,
          GATEHOUSE_TOKEN: undefined,
        },
      })
      const url = await eventually(() => /serves (http:\S+)/.exec(second.log)?.[1], { timeout: 30_000 })
      const history = await fetch(`${url}/api/v1/restore/history`, { headers: who })
      const { items } = (await history.json()) as { items: { id: string }[] }
      assert.deepEqual(
        items.map((item) => item.id),
        [id],
      )
      assert.equal(await second.stop(), 0)
    })

    await t.test('what a process left that is gone is taken up by another', async () => {
      const { id } = JSON.parse((await scene.upload(who, jpeg, { sync: true })).text)
      await query(
        postgres.url,
        `update restorations set state = 'running', claimed_by = gen_random_uuid(), claimed_until = now() - interval '1 s',
           processed_type = null where id = '${id}'`,
      )
      assert.equal((await scene.ended(who, id)).status, 'done')
    })

    // A process that stood still for longer than its claim held used to take its result for one that nobody wanted, and
    // removed all pictures of it: the upload, too, that another process was working on.
    await t.test('what another process took over keeps its pictures when the first one is done', async () => {
      const large = await jpegOf(await paint('portrait', 500))
      const answer = JSON.parse((await scene.upload(who, large, { model: 'restore' })).text)
      const { id } = answer
      const take = (until: string) =>
        query(
          postgres.url,
          `update restorations set claimed_by = gen_random_uuid(), claimed_until = now() ${until} where id = '${id}' and state = 'running'`,
        )
      await eventually(async () => {
        const { text } = await scene.ask(`/api/v1/restore/${id}`, { headers: who })
        return JSON.parse(text).status === 'running'
      })
      await take(`+ interval '1 h'`)
      await eventually(() => scene.service.log.includes('taken over by another process'), { timeout: 60_000 })
      for (const path of [answer.original_url, answer.thumbnail_url])
        assert.equal((await scene.ask(path, { headers: who })).status, 200)
      await take(`- interval '1 s'`)
      assert.equal((await scene.ended(who, id)).status, 'done')
    })

    await t.test('while the database is away everybody is told so, and nothing half stays', async () => {
      const { id } = JSON.parse(
        (await scene.upload(who, await jpegOf(await paint('landscape', 700)), { model: 'restore' })).text,
      )
      await postgres.stop()
      const list = await scene.ask('/api/v1/restore/history', { headers: who })
      assert.equal(list.status, 503)
      assert.equal(list.headers['retry-after'], '5')
      assert.match(list.text, /The database is away; try again in a moment/)
      assert.equal((await scene.upload(who, jpeg)).status, 503)
      assert.deepEqual(await readdir(join(scene.data, 'uploads/incoming')), [])
      // It is no fault of the service: it stays in the pool of the proxy.
      assert.equal((await scene.ask('/health')).status, 200)
      await postgres.start()
      await eventually(
        async () => (await scene.ask('/api/v1/restore/history', { headers: who })).status === 200,
        { timeout: 20_000 },
      )
      assert.equal((await scene.ended(who, id)).status, 'done')
      assert.equal((await scene.upload(who, jpeg, { sync: true })).status, 200)
      assert.equal(scene.service.child.exitCode, null)
    })

    await t.test('a backup that was made while it ran brings everything back', async (t) => {
      const folder = await tempFolder(t)
      const scripts = { env: { ...process.env, ...env, DATA_DIR: scene.data } }
      const run = promisify(execFile)
      const before = (await scene.ask('/api/v1/restore/history', { headers: who })).text
      const made = await run(join(projectFolder, 'deploy/photos/backup'), [folder], scripts)
      const backup = made.stdout.trim()
      assert.deepEqual((await readdir(backup)).sort(), ['database.dump', 'pictures.tar'])

      await scene.service.stop()
      await query(postgres.url, 'drop table restorations, photo_sessions, photo_users, migrations')
      await rm(join(scene.data, 'uploads'), { recursive: true })
      await run(join(projectFolder, 'deploy/photos/restore'), [backup], scripts)
      await scene.startService()
      const now = await scene.ask('/api/v1/restore/history', { headers: who })
      assert.deepEqual(JSON.parse(now.text), JSON.parse(before))
      for (const { original_url, processed_url, thumbnail_url } of JSON.parse(before).items)
        for (const path of [original_url, processed_url, thumbnail_url]) {
          const { body } = await scene.ask(path, { headers: who })
          await sharp(body).raw().toBuffer()
        }
      // Not twice over what was there before.
      await assert.rejects(
        run(join(projectFolder, 'deploy/photos/restore'), [backup], scripts),
        /before-restore is there already/,
      )
    })
  })
})

test('the embedded database is backed up when the service is stopped', { timeout: 90_000 }, async (t) => {
  const scene = await startScene(t)
  const who = await scene.signIn()
  const { id } = JSON.parse((await scene.upload(who, jpeg, { sync: true })).text)
  const folder = await tempFolder(t)
  const scripts = { env: { ...process.env, DATABASE_URL: '', DATA_DIR: scene.data } }
  const run = promisify(execFile)
  await assert.rejects(
    run(join(projectFolder, 'deploy/photos/backup'), [folder], scripts),
    /the service runs/,
  )
  await scene.service.stop()
  const backup = (await run(join(projectFolder, 'deploy/photos/backup'), [folder], scripts)).stdout.trim()
  await rm(scene.data, { recursive: true })
  await mkdir(scene.data)
  await run(join(projectFolder, 'deploy/photos/restore'), [backup], scripts)
  await scene.startService()
  assert.equal(JSON.parse((await scene.ask(`/api/v1/restore/${id}`, { headers: who })).text).status, 'done')
})

describe('on a disk that is full', canMount() ? {} : { skip: 'needs the right to mount a tmpfs' }, () => {
  test('an upload or a result that finds no room is told of, and leaves nothing behind', {
    timeout: 120_000,
  }, async (t) => {
    const disk = await smallDisk(t, '32m')
    const scene = await startScene(t, {
      UPLOAD_DIR: join(disk, 'uploads'),
      PROCESSED_DIR: join(disk, 'processed'),
      MIN_FREE_SPACE: '0',
    })
    const who = await scene.signIn()
    const noise = await sharp({
      create: {
        width: 400,
        height: 400,
        channels: 3,
        background: '#777',
        noise: { type: 'gaussian', mean: 128, sigma: 40 },
      },
    })
      .png()
      .toBuffer()

    await fill(disk, 200_000)
    const refused = await scene.upload(who, noise)
    assert.equal(refused.status, 507, refused.text)
    assert.match(JSON.parse(refused.text).detail, /no room left on the disk/)
    assert.deepEqual(await readdir(join(disk, 'uploads')), ['incoming'])
    assert.deepEqual(await readdir(join(disk, 'uploads/incoming')), [])

    // There is room for the upload, and none for a result sixteen times as large.
    await fill(disk, 2_000_000)
    const parameters = { denoise: 0, sharpen: 0, upscale: 4 }
    const taken = await scene.upload(who, noise, { model: 'enlarge', parameters })
    assert.equal(taken.status, 202, taken.text)
    const { id } = JSON.parse(taken.text)
    const failed = await scene.ended(who, id)
    assert.equal(failed.status, 'failed')
    assert.deepEqual((failed.error as { status: number }).status, 507)
    assert.deepEqual(await readdir(join(disk, 'processed/incoming')), [])

    await rm(join(disk, 'filler'))
    await scene.ask(`/api/v1/restore/${id}/retry`, { method: 'POST', headers: who })
    assert.equal((await scene.ended(who, id)).status, 'done')
    assert.equal(scene.service.child.exitCode, null)

    // The last megabytes are nobody's: they are the database's, where that lies on the same disk.
    await scene.service.stop()
    await scene.startService({ MIN_FREE_SPACE: String(2 ** 49) })
    const early = await scene.upload(who, jpeg)
    assert.deepEqual([early.status, early.headers['retry-after']], [507, '300'])
  })
})

async function query(url: string, sql: string): Promise<void> {
  const client = new pg.Client(url)
  await client.connect()
  await client.query(sql)
  await client.end()
}

function canMount(): boolean {
  try {
    execFileSync('unshare', ['--mount', 'true'], { stdio: 'ignore' })
    return process.getuid?.() === 0
  } catch {
    return false
  }
}

async function smallDisk(t: Teardown, size: string): Promise<string> {
  const disk = join(await tempFolder(t), 'disk')
  await mkdir(disk)
  execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${size}`, 'tmpfs', disk])
  onEnd(t, () => void execFileSync('umount', ['--lazy', disk]))
  await chmod(disk, 0o755)
  return disk
}

/** Leaves that many bytes. */
async function fill(disk: string, left: number): Promise<void> {
  const filler = join(disk, 'filler')
  await rm(filler, { force: true })
  const { bavail, bsize } = await statfs(disk)
  await writeFile(filler, Buffer.alloc(Math.max(0, bavail * bsize - left)))
}
