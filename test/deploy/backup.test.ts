import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { cp, lchown, mkdir, readdir, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { promisify } from 'node:util'
import pg from 'pg'
import { needs } from '../harness/parts.ts'
import { startRedis } from '../harness/redis.ts'
import { request } from '../harness/request.ts'
import { tempFolder } from '../harness/temp-folder.ts'
import { chunkSize, openSession, someRecording } from '../services/camera/client.ts'
import { startCamera } from '../services/camera/service.ts'
import { startPostgres } from '../services/postgres.ts'
import { startServing } from '../system/command.ts'
import { projectFolder } from '../system/shipped.ts'

const run = promisify(execFile)
const backup = join(projectFolder, 'deploy/backup/backup')
const restore = join(projectFolder, 'deploy/backup/restore')

const yaml = `listeners: { https: { port: 0, address: 127.0.0.1 } }
admin: { port: 0 }
workers: 1
upstreams: { shop: { leased: true } }
routes: [{ name: shop, to: shop }]
`

/** Every file below a folder: its mode, and a digest of what is in it. */
async function contentsOf(folder: string): Promise<Record<string, string>> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true })
  const files = entries
    .filter((entry) => entry.isFile())
    .map(({ parentPath, name }) => join(parentPath, name))
  const pairs = files.sort().map(async (file) => {
    const digest = createHash('sha256')
      .update(await readFile(file))
      .digest('hex')
    const { mode } = await stat(file)
    return [file.slice(folder.length), `${(mode & 0o777).toString(8)} ${digest}`]
  })
  return Object.fromEntries(await Promise.all(pairs))
}

test(
  'what is backed up, wiped and restored is what it was, and serves',
  needs('postgresql', 'redis'),
  async (t) => {
    // What there is: a proxy that has run, data of services, a database, and Redis.
    const folder = await tempFolder(t)
    const first = await startServing(t, yaml, { folder })
    await request(first.url('https'))
    await first.stop()
    await mkdir(join(folder, 'data/visits'), { recursive: true })
    await writeFile(join(folder, 'data/visits/visits.journal'), 'one\ntwo\n', { mode: 0o600 })
    const postgres = await startPostgres(t)
    const client = new pg.Client({ connectionString: postgres.url })
    await client.connect()
    await client.query(
      'create table pictures (name text); insert into pictures select generate_series(1, 500)',
    )
    await client.end()
    const redisFolder = await tempFolder(t)
    const redis = await startRedis(t, { args: ['--dir', redisFolder] })
    await redis.cli('SET', 'visits:count', '4711')

    const before = await contentsOf(folder)
    delete before['/data/logs/access.log']
    const backups = await tempFolder(t)
    const env = {
      ...process.env,
      PATH: `/usr/lib/postgresql/15/bin:${process.env.PATH}`,
      ROUTES_DIR: folder,
      DATABASE_URLS: postgres.url,
      REDIS_URL: `redis://${redis.address}`,
      REDIS_DIR: redisFolder,
    }
    const { stdout } = await run(backup, [backups], { env })
    const made = stdout.trim()
    assert.equal(((await stat(made)).mode & 0o777).toString(8), '700')

    // A backup that was damaged changes nothing.
    const damaged = join(backups, 'damaged')
    await cp(made, damaged, { recursive: true })
    await writeFile(join(damaged, 'data.tar'), 'x', { flag: 'a' })
    await assert.rejects(run(restore, [damaged], { env }), /damaged/)
    await assert.rejects(run(restore, [made], { env: { ...env, DATABASE_URLS: '' } }), /holds 1 databases/)
    assert.deepEqual(await without(folder), before)

    // All is lost.
    for (const name of await readdir(folder)) await rm(join(folder, name), { recursive: true })
    const again = new pg.Client({ connectionString: postgres.url })
    await again.connect()
    await again.query('drop table pictures')
    await redis.cli('FLUSHALL')
    await redis.signal('SIGKILL')

    await run(restore, [made], { env })
    assert.deepEqual(await without(folder), before)
    assert.equal((await again.query('select count(*)::int as n from pictures')).rows[0].n, 500)
    await again.end()
    await redis.start()
    assert.equal(await redis.cli('GET', 'visits:count'), '4711')

    const second = await startServing(t, await readFile(join(folder, 'routes.yaml'), 'utf8'), { folder })
    assert.equal((await request(second.url('https'))).status, 503)
    // The certificate that it had made for itself, and its key, among them: clients that trust it still do.
    assert.deepEqual(certificatesOf(await without(folder)), certificatesOf(before))
    assert.ok(certificatesOf(before).length >= 3)
  },
)

test('on a server the folders of services are links, and what each keeps comes back, recordings if they are wanted', {
  timeout: 180_000,
}, async (t) => {
  // As deploy/systemd/tmpfiles.conf lays it out, with a camera service that really has its database there.
  const root = await tempFolder(t)
  const [etc, state, camera] = [join(root, 'etc'), join(root, 'state'), join(root, 'state-camera')]
  for (const folder of ['etc/certs', 'etc/secrets', 'state', 'state-camera', 'state-photos/uploads', 'log'])
    await mkdir(join(root, folder), { recursive: true })
  await symlink(state, join(etc, 'data'))
  // Desktops were never started, so their link leads nowhere.
  for (const name of ['camera', 'photos', 'desktops'])
    await symlink(join(root, `state-${name}`), join(state, name))
  await symlink(join(root, 'log'), join(state, 'logs'))
  await writeFile(join(etc, 'routes.yaml'), yaml)
  await writeFile(join(etc, 'camera.env'), 'KEEP_DAYS=7\n')
  await writeFile(join(root, 'log/access.log'), 'one line\n')
  await writeFile(join(root, 'state-photos/uploads/one.jpg'), 'a picture')
  const service = await startCamera(t, { folder: camera })
  const client = await openSession(() => service.url)
  const recording = someRecording(1000)
  await client.send('whole', recording, { index: 0, total: 1 })
  await client.send('arriving', someRecording(chunkSize), { index: 0 })

  const backups = await tempFolder(t)
  const env = { ...process.env, ROUTES_DIR: etc, DATABASE_URLS: '', REDIS_URL: '' }
  await assert.rejects(run(backup, [backups], { env }), /camera runs.*embedded.*stop it/s)
  await assert.rejects(run(restore, [backups], { env }), /is no backup/)
  await stop()
  const before = await contentsOf(root)
  const all = await run(backup, [join(backups, 'all')], { env })
  assert.match(all.stderr, /^\S+\s+data\/camera$/m, 'how large each is')
  assert.match((await run(backup, ['--sizes', backups], { env })).stderr, /data\/photos/)
  const few = await run(backup, ['--no-recordings', join(backups, 'few')], { env })
  assert.deepEqual((await readdir(backups)).sort(), ['all', 'few'], 'sizes alone write nothing')

  // All is lost.
  await rm(camera, { recursive: true })
  await rm(join(root, 'state-photos'), { recursive: true })
  await rm(join(etc, 'camera.env'))
  await run(restore, [all.stdout.trim()], { env })
  assert.deepEqual(await present(), before)
  await service.start()
  assert.deepEqual((await client.fetch('whole')).body, recording)
  assert.deepEqual((await client.status('arriving')).missing, [])
  await stop()

  // What such a backup leaves out is not lost by it.
  await assert.rejects(run(restore, [few.stdout.trim()], { env }), /before-restore is there already/)
  for (const folder of [root, etc])
    for (const name of await readdir(folder))
      if (isKeptBeside(name)) await rm(join(folder, name), { recursive: true })
  const { stdout: held } = await run('tar', ['-tf', join(few.stdout.trim(), 'data.tar')])
  assert.match(held, /recordings\/\S+\.part\n/)
  assert.doesNotMatch(held, /\.webm/)
  await run(restore, [few.stdout.trim()], { env })
  assert.deepEqual(await present(), before)

  async function present(): Promise<object> {
    return Object.fromEntries(Object.entries(await contentsOf(root)).filter(([name]) => !isKeptBeside(name)))
  }
  async function stop(): Promise<void> {
    service.child.kill('SIGTERM')
    await once(service.child, 'exit')
  }
})

// A service that was broken into owns its folder, and the proxy owns the one in which the links to those of all services lie.
// Root reads what they lead to and, worse, puts what was backed up in its place.
test('a link that a service has made leads nobody astray who backs up or restores as root', {
  skip: process.getuid?.() !== 0 && 'only root may give a link away',
}, async (t) => {
  const root = await tempFolder(t)
  const [etc, backups, precious] = [join(root, 'etc'), join(root, 'backups'), join(root, 'precious')]
  for (const folder of ['etc/data/camera', 'etc/certs', 'precious'])
    await mkdir(join(root, folder), { recursive: true })
  await writeFile(join(etc, 'routes.yaml'), yaml)
  await writeFile(join(precious, 'file'), 'of root')
  const env = { ...process.env, ROUTES_DIR: etc, DATABASE_URLS: '', REDIS_URL: '' }
  const { stdout } = await run(backup, [backups], { env })

  const link = join(etc, 'data/camera/face.jpg')
  await symlink(join(precious, 'file'), link)
  await lchown(link, 4711, 4711)
  await assert.rejects(
    run(backup, [backups], { env }),
    /camera\/face\.jpg is a link that somebody else has made/,
  )
  assert.equal((await readdir(backups)).length, 1)

  await rm(join(etc, 'data/camera'), { recursive: true })
  await symlink(precious, join(etc, 'data/camera'))
  await lchown(join(etc, 'data/camera'), 4711, 4711)
  await assert.rejects(run(restore, [stdout.trim()], { env }), /camera is a link that somebody else has made/)
  assert.deepEqual(await readdir(precious), ['file'])
})

async function without(folder: string): Promise<Record<string, string>> {
  const contents = await contentsOf(folder)
  delete contents['/data/logs/access.log']
  return contents
}

const isKeptBeside = (name: string): boolean => name.includes('.before-restore')

const certificatesOf = (contents: Record<string, string>): [string, string][] =>
  Object.entries(contents).filter(([name]) => name.startsWith('/certs/'))
