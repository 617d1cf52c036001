import { setTimeout as sleep } from 'node:timers/promises'
import express, { type Express } from 'express'
import type { Database } from '../shared/database.ts'
import type { Logger } from '../shared/logger.ts'
import { answerErrors, createApp } from '../shared/web-app.ts'
import type { EngineHealth, QualityEngine } from './quality/engine.ts'
import { qualityRoutes } from './quality/quality-routes.ts'
import { sessionRoutes } from './sessions/session-routes.ts'
import type { Sessions } from './sessions/sessions.ts'
import type { Receiver } from './uploads/receive-chunk.ts'
import type { RecordingFiles } from './uploads/recording-files.ts'
import { recordingRoutes } from './uploads/recording-routes.ts'
import type { Recordings } from './uploads/recordings.ts'
import { uploadRoutes } from './uploads/upload-routes.ts'

export interface AppParts {
  readonly db: Database
  readonly sessions: Sessions
  readonly recordings: Recordings
  readonly files: RecordingFiles
  readonly receiver: Receiver
  readonly engine: QualityEngine
  /** Folder of the built page. */
  readonly page: string
  /** What the page has to know. */
  readonly told: { chunkSize: number; publicUrl: string | undefined }
  readonly log: Logger
}

/** All that this service answers. */
export function createCameraApp(parts: AppParts): Express {
  const { db, sessions, recordings, files, receiver, engine, page, told, log } = parts
  const app = createApp(log)
  app.get('/health', async (_request, response) => {
    const [database, quality] = await Promise.all([databaseHealth(db), engineHealth(engine)])
    // 200 all the same: without either of them there is still much that works, and the page says what does not.
    response.set('Cache-Control', 'no-store').json({
      status: database.answers && quality.answers ? 'healthy' : 'degraded',
      service: 'camera',
      database,
      engine: quality,
    })
  })
  app.get('/api/settings', (_request, response) => {
    response.set('Cache-Control', 'no-cache').json({
      chunk_size: told.chunkSize,
      public_url: told.publicUrl ?? null,
      engine: engine.name,
      score_kind: engine.kind,
    })
  })
  app.use(sessionRoutes(sessions, recordings, told))
  app.use(uploadRoutes(sessions, recordings, receiver))
  app.use(recordingRoutes(sessions, recordings, files))
  app.use(qualityRoutes(engine, log))
  // Vite puts a digest into the name of every file but the page's own.
  app.use('/assets', express.static(`${page}/assets`, { immutable: true, maxAge: '365d', index: false }))
  app.use(express.static(page, { cacheControl: true, maxAge: 0 }))
  answerErrors(app, log)
  return app
}

// --- internal ---

/** Milliseconds. Who asks for our health waits not much longer, and must not take us for dead because another is. */
const healthLimit = 1_000

async function databaseHealth(db: Database): Promise<{ kind: Database['kind']; answers: boolean }> {
  const asked = db.pool.query('select 1').then(
    () => true,
    () => false,
  )
  return { kind: db.kind, answers: await soon(asked, false) }
}

async function engineHealth(engine: QualityEngine) {
  const late: EngineHealth = { answers: false, reason: 'The quality model takes too long' }
  return { name: engine.name, kind: engine.kind, ...(await soon(engine.health(), late)) }
}

function soon<Answer>(asked: Promise<Answer>, late: Answer): Promise<Answer> {
  return Promise.race([asked, sleep(healthLimit, late, { ref: false })])
}
