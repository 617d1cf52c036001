import { readdir, readFile } from 'node:fs/promises'
import type { Pool, PoolClient } from 'pg'

/**
 * Runs what has not been run of the folder's `.sql` files, in the order of their names, each in a transaction with the
 * note that it has been. However many processes start at once, each file runs once: the others wait. Throws with the
 * file's name if one cannot be run; those before it stay done.
 */
export async function migrate(pool: Pool, folder: URL): Promise<string[]> {
  const files = (await readdir(folder)).filter((file) => file.endsWith('.sql')).sort()
  const client = await pool.connect()
  try {
    await client.query('select pg_advisory_lock($1)', [lock])
    await client.query(
      'create table if not exists migrations (name text primary key, run_at timestamptz not null default now())',
    )
    const { rows } = await client.query<{ name: string }>('select name from migrations')
    const known = new Set(rows.map(({ name }) => name))
    const missing = files.filter((file) => !known.has(file))
    for (const file of missing) await run(client, file, await readFile(new URL(file, folder), 'utf8'))
    return missing
  } finally {
    await client.query('select pg_advisory_unlock($1)', [lock]).catch(() => {})
    client.release()
  }
}

// --- internal ---

/** Any number that nobody else locks on in this database. */
const lock = 7_261_845

async function run(client: PoolClient, file: string, sql: string): Promise<void> {
  try {
    await client.query('begin')
    await client.query(sql)
    await client.query('insert into migrations (name) values ($1)', [file])
    await client.query('commit')
  } catch (error) {
    await client.query('rollback')
    throw new Error(`migration ${file}: ${(error as Error).message}`, { cause: error })
  }
}
