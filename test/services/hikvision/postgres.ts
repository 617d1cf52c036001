import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmod, chown } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import pg from 'pg'
import { needs, pathOf } from '../../harness/parts.ts'
import { onEnd, type Teardown } from '../../harness/teardown.ts'
import { tempFolder } from '../../harness/temp-folder.ts'
import { soon } from './scene.ts'

/** The databases that a service may stand on, with what a test needs for them, and the settings of the service. */
export const databases: [
  name: string,
  needed: { skip: false | string },
  settings: (t: Teardown) => Promise<Record<string, string>>,
][] = [
  ['the embedded database', { skip: false }, async () => ({})],
  ['Postgres', needs('postgresql'), async (t) => ({ DATABASE_URL: await startPostgres(t) })],
]

/** A real Postgres on a unix socket of its own. It refuses to run as root, and then runs as the user of its package. */
async function startPostgres(t: Teardown): Promise<string> {
  const folder = await tempFolder(t)
  const programs = dirname(pathOf('postgresql'))
  const id = (flag: string) => Number(execFileSync('id', [flag, 'postgres'], { encoding: 'utf8' }))
  const user = process.getuid?.() === 0 ? { uid: id('-u'), gid: id('-g') } : undefined
  if (user) await chown(folder, user.uid, user.gid)
  await chmod(folder, 0o711)
  const data = join(folder, 'data')
  const options = { cwd: folder, stdio: 'ignore' as const, ...user }
  execFileSync(
    join(programs, 'initdb'),
    ['-D', data, '-U', 'postgres', '-A', 'trust', '--no-sync', '-E', 'UTF8'],
    options,
  )
  const child = spawn(
    join(programs, 'postgres'),
    ['-D', data, '-k', folder, '-c', 'listen_addresses='],
    options,
  )
  onEnd(t, async () => {
    if (child.exitCode !== null) return
    // SIGINT is its fast way down: it ends the connections that there are.
    child.kill('SIGINT')
    await once(child, 'exit')
  })
  const url = `postgres://postgres@localhost/postgres?host=${encodeURIComponent(folder)}`
  await soon(async () => {
    const client = new pg.Client({ connectionString: url })
    await client.connect()
    await client.end()
    return true
  })
  return url
}
