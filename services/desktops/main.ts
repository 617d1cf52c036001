import { createServer } from 'node:http'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { openDatabase } from '../shared/database.ts'
import { readEnvironment } from '../shared/environment.ts'
import { createLogger } from '../shared/logger.ts'
import { serve } from '../shared/serve.ts'
import { start } from '../shared/start.ts'
import { createSessions } from './accounts/sessions.ts'
import { createUsers } from './accounts/users.ts'
import { createDesktopsApp } from './app.ts'
import { createAudit } from './audit.ts'
import { readCatalogue } from './catalogue.ts'
import { createConverge } from './converge.ts'
import { createDesktops } from './desktops.ts'
import { openDockerHosts } from './docker/docker-hosts.ts'
import { watchFigures } from './figures.ts'
import { createIdle } from './idle.ts'
import { createLeases, type Leases } from './leases.ts'
import { createReconcile, type Reconcile } from './reconcile.ts'
import { settings } from './settings.ts'

const log = createLogger({ service: 'desktops' })
const at = (path: string) => fileURLToPath(new URL(path, import.meta.url))
const pageFolder = at(import.meta.url.endsWith('.ts') ? '../../dist/pages/desktops' : '../../pages/desktops')

await start(log, async () => {
  const env = readEnvironment(settings)
  const catalogue = await readCatalogue(env.CATALOGUE ?? at('catalogue.yaml'), env.DOCKER_SOCKET)
  const database = await openDatabase({
    url: env.DATABASE_URL,
    folder: env.DATA_DIR,
    migrations: new URL('migrations/', import.meta.url),
    log,
  })
  const { pool } = database
  const limits = { perUser: env.MAX_PER_USER, inAll: env.MAX_DESKTOPS }
  const users = createUsers(pool)
  const first = await users.addFirst(env.ADMIN_PASSWORD)
  if (first === 'no password')
    log.warn('nobody can sign in: set ADMIN_PASSWORD and start again, and there is a user admin')
  const sessions = await createSessions({
    pool,
    key: env.SESSION_KEY,
    life: env.SESSION_HOURS * 3_600,
    folder: env.DATA_DIR,
  })
  const { rows } = await pool.query<{ id: string }>('select id from desktop_instance')
  const instance = (rows[0] as { id: string }).id
  const desktops = createDesktops(database, limits)
  const hosts = openDockerHosts(catalogue, instance)
  for (const { host, where, trouble } of await hosts.troubles())
    log.warn('a Docker host does not answer', { host, where, reason: trouble.sentence })
  const audit = createAudit(pool)
  const admin = env.GATEHOUSE_ADMIN ?? 'http://127.0.0.1:9901'

  // They need the address of the server, and the server needs them: made when it listens, and asked only then.
  let leases: Leases
  let reconcile: Reconcile
  const idle = createIdle({
    desktops,
    audit,
    admin,
    limit: env.IDLE_SECONDS * 1_000,
    warning: env.IDLE_WARNING_SECONDS * 1_000,
    log,
    poke: (id) => reconcile.poke(id),
  })
  const parts = {
    users,
    sessions,
    desktops,
    hosts,
    kinds: catalogue.kinds,
    reconcile: { poke: (id: string) => reconcile.poke(id), look: () => reconcile.look() },
    idle,
    audit,
    instance,
    limits,
    log,
    checkHealth: async () => void (await pool.query('select 1')),
  }
  const service = await serve({
    server: createServer(createDesktopsApp(parts, join(pageFolder))),
    upstream: 'desktops',
    async onStopped() {
      reconcile.stop()
      await leases.stop()
      await database.close()
    },
  })
  leases = createLeases({ admin, token: env.GATEHOUSE_TOKEN, ownUrl: service.url, log })
  reconcile = createReconcile({
    desktops,
    hosts,
    leases,
    audit,
    instance,
    lookEvery: env.LOOK_SECONDS * 1_000,
    log,
    lookAtIdle: idle.look,
    converge: createConverge({
      desktops,
      hosts,
      kinds: catalogue.kinds,
      leases,
      instance,
      key: env.SESSION_KEY,
      ports: { first: env.FIRST_PORT, last: env.LAST_PORT },
      patience: env.START_SECONDS * 1_000,
      log,
    }),
  })
  watchFigures({
    desktops,
    limits,
    hosts: hosts.all.map(({ name }) => name),
    away: reconcile.away,
  })
  // After a restart the proxy knows nothing of desktops that wait, and they are not what a look looks for.
  for (const { key, status } of await desktops.all()) if (status !== 'running') void leases.wait(key)
  void reconcile.look()
  return service
})
