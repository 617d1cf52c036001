import { mkdir } from 'node:fs/promises'
import pg from 'pg'
import { watchDatabase } from './database-metrics.ts'
import { startEmbeddedPostgres } from './embedded-postgres.ts'
import type { Logger } from './logger.ts'
import { migrate } from './migrate.ts'

export interface DatabaseSettings {
  /** `postgres://…`. Undefined: PGlite, on disk in `folder`. */
  readonly url: string | undefined
  /** Where the embedded database lives. Made if it is not there. */
  readonly folder: string
  /** A folder of `001-what-it-does.sql`, each run once, in order. */
  readonly migrations: URL
  readonly log: Logger
}

export interface Database {
  readonly kind: 'postgres' | 'embedded'
  readonly pool: pg.Pool
  /** Runs in one transaction: all of it happens, or nothing. */
  inTransaction<Answer>(work: (client: pg.PoolClient) => Promise<Answer>): Promise<Answer>
  close(): Promise<void>
}

/**
 * Opens the database of a service through the same `pg` client, whichever it is, and brings its tables up to date.
 * Rejects if it cannot be reached; later on queries reject while it is away, and work again when it is back.
 */
export async function openDatabase({ url, folder, migrations, log }: DatabaseSettings): Promise<Database> {
  if (url === undefined) await mkdir(folder, { recursive: true })
  const embedded = url === undefined ? await startEmbeddedPostgres(folder) : undefined
  const pool = new pg.Pool({
    ...(embedded?.connection ?? { connectionString: url, max: 10 }),
    // In the embedded one everybody waits for one connection, which is no sign that it is away.
    connectionTimeoutMillis: embedded === undefined ? 5_000 : 30_000,
    idleTimeoutMillis: 30_000,
    // A server that vanished without a word must not hold a request for ever.
    query_timeout: 30_000,
    keepAlive: true,
  })
  // An idle connection that breaks is no reason for a process to end: the pool makes another when it is asked.
  pool.on('error', (error) => log.warn('a connection to the database broke', { reason: error.message }))
  try {
    await migrate(pool, migrations)
  } catch (error) {
    await pool.end()
    await embedded?.stop()
    throw error
  }
  watchDatabase(pool)
  return {
    kind: embedded === undefined ? 'postgres' : 'embedded',
    pool,
    inTransaction: (work) => inTransaction(pool, work),
    async close() {
      await pool.end()
      await embedded?.stop()
    },
  }
}

/** Whether an error says that the database is not there, rather than that it was asked something wrong. */
export function isAway(error: unknown): boolean {
  const { code, message = '' } = (error ?? {}) as { code?: string; message?: string }
  // Class 08: connection exceptions. 57P01 to 57P03: shutting down, crashed, starting. 53300: too many connections.
  if (
    code !== undefined &&
    /^(08...|57P0[123]|53300|ECONNREFUSED|ECONNRESET|ENOENT|ETIMEDOUT|EPIPE)$/.test(code)
  )
    return code !== 'ENOENT' || /connect/.test(message)
  return /Connection terminated|timeout exceeded when trying to connect|Query read timeout|^Client has encountered a connection error/.test(
    message,
  )
}

/**
 * Whether an error says that a text holds what Postgres keeps in none: a NUL, or in JSON half a character. Class 22 is
 * what is wrong with a value; 22P02 is said of JSON as well as of numbers, and those are looked at before.
 */
export function isUnkeepable(error: unknown): boolean {
  const { code, message = '' } = (error ?? {}) as { code?: string; message?: string }
  return code === '22021' || code === '22P05' || (code === '22P02' && /type json/.test(message))
}

// --- internal ---

async function inTransaction<Answer>(
  pool: pg.Pool,
  work: (client: pg.PoolClient) => Promise<Answer>,
): Promise<Answer> {
  const client = await pool.connect()
  let broken: Error | undefined
  try {
    await client.query('begin')
    const answer = await work(client)
    await client.query('commit')
    return answer
  } catch (error) {
    // A connection that cannot even roll back is not given to the next one.
    await client.query('rollback').catch((reason: Error) => {
      broken = reason
    })
    throw error
  } finally {
    client.release(broken)
  }
}
