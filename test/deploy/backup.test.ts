import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { cp, mkdir, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { promisify } from 'node:util'
import pg from 'pg'
import { needs } from '../harness/parts.ts'
import { startRedis } from '../harness/redis.ts'
import { request } from '../harness/request.ts'
import { tempFolder } from '../harness/temp-folder.ts'
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

async function without(folder: string): Promise<Record<string, string>> {
  const contents = await contentsOf(folder)
  delete contents['/data/logs/access.log']
  return contents
}

const certificatesOf = (contents: Record<string, string>): [string, string][] =>
  Object.entries(contents).filter(([name]) => name.startsWith('/certs/'))
