import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmod, chown } from 'node:fs/promises'
import { join } from 'node:path'
import pg from 'pg'
import { eventually } from '../harness/eventually.ts'
import { pathOf } from '../harness/parts.ts'
import { onEnd, type Teardown } from '../harness/teardown.ts'
import { tempFolder } from '../harness/temp-folder.ts'

/** A real Postgres on a unix socket of its own, that goes away and comes back. */
export interface RealPostgres {
  /** For DATABASE_URL. */
  readonly url: string
  /** A new database on it, for DATABASE_URL. */
  createDatabase(): Promise<string>
  /** Ends all connections and the server. */
  stop(): Promise<void>
  start(): Promise<void>
}

/** Postgres refuses to run as root: then it runs as the user of that name, whom Debian's package makes. */
export async function startPostgres(t: Teardown): Promise<RealPostgres> {
  const folder = await tempFolder(t)
  const programs = pathOf('postgresql').replace(/[^/]*$/, '')
  const asRoot = process.getuid?.() === 0
  const user: { uid?: number; gid?: number } = asRoot ? idsOf('postgres') : {}
  if (user.uid !== undefined && user.gid !== undefined) {
    await chown(folder, user.uid, user.gid)
    await chmod(folder, 0o711)
  }
  const data = join(folder, 'data')
  const initialise = ['-D', data, '-U', 'postgres', '-A', 'trust', '--no-sync', '-E', 'UTF8']
  execFileSync(join(programs, 'initdb'), initialise, { stdio: 'ignore', cwd: folder, ...user })
  let databases = 0
  let child: ReturnType<typeof spawn> | undefined
  const postgres: RealPostgres = {
    url: `postgres://postgres@localhost/postgres?host=${encodeURIComponent(folder)}`,
    async createDatabase() {
      const name = `test${databases++}`
      const client = new pg.Client({ connectionString: postgres.url })
      await client.connect()
      await client.query(`create database ${name}`)
      await client.end()
      return postgres.url.replace('/postgres?', `/${name}?`)
    },
    async start() {
      const settings = [
        `listen_addresses=`,
        `unix_socket_directories=${folder}`,
        'unix_socket_permissions=0777',
        'fsync=off',
      ]
      const args = ['-D', data, ...settings.flatMap((setting) => ['-c', setting])]
      child = spawn(join(programs, 'postgres'), args, { stdio: 'ignore', cwd: folder, ...user })
      await eventually(
        async () => {
          const client = new pg.Client({ connectionString: postgres.url })
          await client.connect()
          await client.end()
          return true
        },
        { timeout: 20_000, every: 50 },
      )
    },
    async stop() {
      if (!child || child.exitCode !== null || child.signalCode !== null) return
      // SIGINT is its fast way down: it ends the connections that there are.
      child.kill('SIGINT')
      await once(child, 'exit')
    },
  }
  onEnd(t, () => postgres.stop())
  await postgres.start()
  return postgres
}

function idsOf(name: string): { uid: number; gid: number } {
  const id = (flag: string) => Number(execFileSync('id', [flag, name], { encoding: 'utf8' }))
  return { uid: id('-u'), gid: id('-g') }
}
