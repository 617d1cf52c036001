import { hkdfSync } from 'node:crypto'
import { createServer } from 'node:http'
import { join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { openDatabase } from '../shared/database.ts'
import { readEnvironment } from '../shared/environment.ts'
import { createLogger } from '../shared/logger.ts'
import { serve } from '../shared/serve.ts'
import { sessionCookie } from '../shared/session-cookie.ts'
import { start } from '../shared/start.ts'
import { openAgents } from './agent/agents.ts'
import { switchboard } from './agent/switchboard.ts'
import { deviceRoutes } from './api/devices.ts'
import { eventRoutes } from './api/events.ts'
import { peopleRoutes } from './api/people.ts'
import { sessionRoutes } from './api/session.ts'
import { createListener } from './app.ts'
import { openDevices } from './devices/devices.ts'
import { sealWith } from './devices/seal.ts'
import { openWays } from './devices/ways.ts'
import { expireEvents } from './events/expire.ts'
import { liveEvents } from './events/live.ts'
import { logFiles } from './events/log-files.ts'
import { processEvents } from './events/process.ts'
import { eventsById } from './events/search.ts'
import { watchFigures } from './figures.ts'
import { receiver } from './intake/receive.ts'
import { sendersBy } from './intake/senders.ts'
import { openSpool } from './intake/spool.ts'
import { openJobs } from './people/jobs.ts'
import { openPeople } from './people/people.ts'
import { runJobs } from './people/run-jobs.ts'
import { hikvisionSettings, senderRules } from './settings.ts'

/** The Hikvision service: events of access terminals and cameras in, people out to them. */

const log = createLogger({ service: 'hikvision' })

await start(log, async () => {
  const settings = readEnvironment(hikvisionSettings)
  const folder = resolve(settings.DATA_DIR)
  const database = await openDatabase({
    url: settings.DATABASE_URL,
    folder: join(folder, 'database'),
    migrations: new URL('migrations/', import.meta.url),
    log,
  })
  const spool = await openSpool({
    folder: join(folder, 'spool'),
    limit: settings.SPOOL_LIMIT,
    reserve: settings.DISK_RESERVE,
    log,
  })
  const senders = sendersBy(senderRules(settings))
  const live = liveEvents()
  const files = logFiles({ folder: join(folder, 'logs'), database, keepDays: settings.LOG_KEEP_DAYS, log })
  const faces = join(folder, 'faces')
  const agents = openAgents(database)
  const devices = openDevices(database, sealWith(derivedKey(settings.SECRET_KEY, 'device passwords')))
  const people = openPeople(database)
  const jobs = openJobs(database)
  const board = switchboard({
    identify: agents.identify,
    onConnect(agent) {
      void devices.behind(agent).then((behind) => running.heardOf(behind), complain)
    },
    onSeen(agent) {
      agents.noteSeen(agent).catch(complain)
    },
    log,
  })
  const ways = openWays(devices, board, settings.ISAPI_TIMEOUT)
  const running = runJobs({
    ...{ jobs, devices, people, faces, log },
    isapiOf: ways.to,
    onChange: (device) => live.tell('job', { device }),
  })
  const processing = processEvents({
    ...{ spool, database, folder, log },
    usualZone: settings.DEVICE_ZONE ?? -new Date().getTimezoneOffset(),
    isKnown: senders.isKnown,
    async onStored({ ids, devices: heard }) {
      if (ids.length > 0) void files.write()
      running.heardOf(heard.values())
      if (live.watchers === 0 || ids.length === 0) return
      for (const event of await eventsById(database, ids)) live.tell('event', event)
    },
  })
  const cookie = sessionCookie({
    name: 'hikvision',
    // Another password ends all sessions that were begun with the one before.
    key: derivedKey(settings.SECRET_KEY, 'sessions', settings.ADMIN_PASSWORD),
    life: settings.SESSION_HOURS * 3600,
  })
  const listener = createListener({
    ...{ spool, database, cookie, log },
    receive: receiver({ spool, senders, mostBody: settings.MAX_BODY, log }),
    session: await sessionRoutes({
      user: settings.ADMIN_USER,
      password: settings.ADMIN_PASSWORD,
      cookie,
      log,
    }),
    routes: [
      eventRoutes({ database, live, folder }),
      deviceRoutes({ devices, ways, agents, switchboard: board, running }),
      peopleRoutes({ people, jobs, running, faces }),
    ],
    page: pageFolder(),
    faces,
  })
  const server = createServer(listener)
  // Some recorders send a byte more than they said, which makes the next request on that connection no request.
  server.on('clientError', (_error, socket) => socket.destroy())
  const expiry = expireEvents({ database, folder, keepDays: settings.KEEP_DAYS, log })
  board.attach(server)
  watchFigures({ database, spool, limit: settings.SPOOL_LIMIT, switchboard: board })
  await jobs.hurry()
  running.look()
  void files.write()
  return serve({
    server,
    upstream: 'hikvision',
    onStopping() {
      live.close()
      board.close()
    },
    async onStopped() {
      expiry.stop()
      await running.stop()
      const processed = processing.stop()
      await spool.close()
      await processed
      await database.close()
    },
  })
})

// --- internal ---

function complain(error: unknown): void {
  log.warn('the database does not answer', { error })
}

/** One secret in the settings, another key for each use of it. */
function derivedKey(secret: string, use: string, salt = ''): Buffer {
  return Buffer.from(hkdfSync('sha256', secret, salt, `gatehouse hikvision ${use}`, 32))
}

/** `make build` puts pages into dist/, where the compiled service lies as well. */
function pageFolder(): string {
  const isSource = import.meta.url.endsWith('.ts')
  return fileURLToPath(
    new URL(isSource ? '../../dist/pages/hikvision' : '../../pages/hikvision', import.meta.url),
  )
}
