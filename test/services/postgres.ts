import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmod, chown, mkdir } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import pg from 'pg'
import { eventually } from '../harness/eventually.ts'
import { freePort } from '../harness/free-port.ts'
import { pathOf } from '../harness/parts.ts'
import { onEnd, type Teardown } from '../harness/teardown.ts'
import { tempFolder } from '../harness/temp-folder.ts'

/** A Postgres of the test's own. Ask for it with `needs('postgresql')`. */
export interface PostgresServer {
  readonly url: string
  stop(): Promise<void>
  start(): Promise<void>
}

export async function startPostgres(t: Teardown): Promise<PostgresServer> {
  const folder = await tempFolder(t)
  const data = join(folder, 'data')
  const port = await freePort()
  const owner = await ownerOf(folder)
  const programs = dirname(pathOf('postgresql'))
  await mkdir(data)
  if (owner) await chown(data, owner.uid, owner.gid)
  const initdb = ['-D', data, '-U', 'postgres', '--auth=trust', '--no-sync', '--no-instructions']
  execFileSync(join(programs, 'initdb'), initdb, { stdio: 'ignore', cwd: folder, ...owner })
  const url = `postgres://postgres@127.0.0.1:${port}/postgres`
  let child: ChildProcess | undefined

  async function stop(): Promise<void> {
    if (child === undefined) return
    const ended = once(child, 'close')
    // Fast: whoever is connected is put off.
    child.kill('SIGINT')
    await ended
    child = undefined
  }

  async function start(): Promise<void> {
    const settings = ['-c', 'listen_addresses=127.0.0.1', '-c', 'fsync=off', '-c', 'unix_socket_directories=']
    const place = ['-D', data, '-p', String(port)]
    child = spawn(pathOf('postgresql'), [...place, ...settings], { stdio: 'ignore', cwd: folder, ...owner })
    await eventually(() => answers(url), { timeout: 30_000, every: 50 })
  }

  onEnd(t, stop)
  await start()
  return { url, stop, start }
}

/** Postgres does not run as root. */
async function ownerOf(folder: string): Promise<{ uid: number; gid: number } | undefined> {
  if (process.getuid?.() !== 0) return undefined
  await chmod(folder, 0o755)
  const idOf = (flag: string) => Number(execFileSync('id', [flag, 'postgres'], { encoding: 'utf8' }))
  return { uid: idOf('-u'), gid: idOf('-g') }
}

async function answers(url: string): Promise<boolean> {
  const client = new pg.Client(url)
  client.on('error', () => {})
  await client.connect()
  await client.end()
  return true
}
