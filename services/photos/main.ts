import { createServer } from 'node:http'
import { openDatabase } from '../shared/database.ts'
import { createLogger } from '../shared/logger.ts'
import { serve } from '../shared/serve.ts'
import { start } from '../shared/start.ts'
import { answerErrors, createApp } from '../shared/web-app.ts'
import { allowOrigins } from './cors.ts'
import { createEngines } from './engines/index.ts'
import { modelRoutes } from './engines/routes.ts'
import { watchJobs } from './jobs/figures.ts'
import { startQueue } from './jobs/queue.ts'
import { startCleanUp } from './pictures/clean-up.ts'
import { openPictureFiles } from './pictures/files.ts'
import { pictureRoutes } from './pictures/routes.ts'
import { restorationRoutes } from './restorations/routes.ts'
import { submitter } from './restorations/submit.ts'
import { restorationTable } from './restorations/table.ts'
import { readSettings } from './settings.ts'
import { signInRoutes, userRoutes } from './sign-in/routes.ts'
import { createSessions } from './sign-in/sessions.ts'
import { createUsers, ensureAdmin } from './sign-in/users.ts'
import { allowOnlyPictures } from './uploads/clean.ts'
import { formats, type PictureType } from './uploads/formats.ts'

/** The photos service: people upload old photographs, and get them back restored. */

const log = createLogger({ service: 'photos' })

await start(log, async () => {
  const settings = readSettings()
  if (settings.development) log.warn('DEBUG is true: defaults that everybody knows are accepted')
  const { MODELS_CONFIG: models, MAX_PIXELS: mostPixels } = settings
  allowOnlyPictures()

  const database = await openDatabase({
    url: settings.DATABASE_URL,
    folder: settings.DATABASE_DIR,
    migrations: new URL('migrations/', import.meta.url),
    log,
  })
  await ensureAdmin(database, settings.AUTH_USERNAME, settings.AUTH_PASSWORD)
  const files = await openPictureFiles(settings.UPLOAD_DIR, settings.PROCESSED_DIR)
  const stopCleanUp = await startCleanUp({ database, files, keepFor: settings.SESSION_CLEANUP_HOURS, log })

  const users = createUsers(database)
  const sessions = createSessions(database, { key: settings.SECRET_KEY, algorithm: settings.ALGORITHM })
  const restorations = restorationTable(database)
  const engines = createEngines({
    url: settings.HF_API_URL,
    key: settings.HF_API_KEY,
    timeout: settings.HF_API_TIMEOUT,
    mostPixels,
    log,
  })
  const queue = startQueue({ database, files, engines, models, workers: settings.WORKERS, log })
  watchJobs(database)
  const submit = submitter({
    restorations,
    files,
    engines,
    models,
    allowed: allowedTypes(settings.ALLOWED_EXTENSIONS),
    maxUploadSize: settings.MAX_UPLOAD_SIZE,
    maxPixels: mostPixels,
    maxConcurrentUploads: settings.MAX_CONCURRENT_UPLOADS,
    maxQueueLength: settings.MAX_QUEUE_LENGTH,
    quota: settings.USER_QUOTA,
    minFreeSpace: settings.MIN_FREE_SPACE,
  })

  const stopping = new AbortController()
  const app = createApp(log)
  app.use(allowOrigins(settings.CORS_ORIGINS))
  app.get('/health', (_request, response) => {
    response.json({ status: 'healthy', app: settings.APP_NAME, version: settings.APP_VERSION })
  })
  const lifetime = settings.ACCESS_TOKEN_EXPIRE_MINUTES * 60
  app.use('/api/v1/auth', signInRoutes({ users, sessions, lifetime, log }))
  app.use('/api/v1/admin/users', userRoutes({ users, sessions }))
  app.use('/api/v1/models', modelRoutes({ sessions, models, engines }))
  app.use(
    '/api/v1/restore',
    restorationRoutes({ sessions, restorations, files, queue, submit, stopping: stopping.signal }),
  )
  app.use(pictureRoutes({ sessions, restorations, files }))
  answerErrors(app, log)

  return serve({
    server: createServer(app),
    upstream: 'photos',
    onStopping: () => stopping.abort(),
    async onStopped() {
      stopCleanUp()
      await queue.stop()
      await database.close()
    },
  })
})

// --- internal ---

function allowedTypes(extensions: ReadonlySet<string>): ReadonlySet<PictureType> {
  const types = Object.entries(formats) as [PictureType, (typeof formats)[PictureType]][]
  return new Set(
    types
      .filter(([, format]) => format.extensions.some((each) => extensions.has(each)))
      .map(([type]) => type),
  )
}
