import { chmod, rm } from 'node:fs/promises'
import { connect } from 'node:net'
import { join, resolve } from 'node:path'
import { PGlite } from '@electric-sql/pglite'
import { PGLiteSocketServer } from '@electric-sql/pglite-socket'

export interface EmbeddedPostgres {
  /** For `pg`. */
  readonly connection: { host: string; user: string; database: string; max: number }
  stop(): Promise<void>
}

/**
 * Postgres inside this process, with its files in the folder `place`: PGlite behind a unix socket there, so that the client is
 * the same as for a real server. One process at a time may have it; for another it throws, because two would spoil the
 * files.
 */
export async function startEmbeddedPostgres(place: string): Promise<EmbeddedPostgres> {
  // `pg` takes a host for a folder if it begins with a slash, and for a name otherwise.
  const folder = resolve(place)
  // The name that Postgres's clients look for in a folder.
  const path = join(folder, '.s.PGSQL.5432')
  if (await answers(path))
    throw new Error(
      `${folder} is in use by another process; set DATABASE_URL to share a database among processes`,
    )
  await rm(path, { force: true })
  const db = await PGlite.create(join(folder, 'postgres'))
  // One more than is used: a connection that broke may still be there when the next one comes.
  const server = new PGLiteSocketServer({ db, path, maxConnections: connections + 1 })
  await server.start()
  await chmod(path, 0o600)
  return {
    connection: { host: folder, user: 'postgres', database: 'postgres', max: connections },
    async stop() {
      await server.stop()
      await db.close()
      await rm(path, { force: true })
    },
  }
}

// --- internal ---

/**
 * PGlite is one session. Its socket server hands messages of several connections to it in turn, each by itself: between
 * the parts of one question come those of another, the wrong values are bound, and a message that fails leaves all
 * later ones waiting for ever. So there is one connection, and who wants to ask waits in the pool.
 */
const connections = 1

function answers(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ path })
    socket.once('connect', () => {
      socket.destroy()
      resolve(true)
    })
    socket.once('error', () => resolve(false))
  })
}
