import type { Express } from 'express'
import express from 'express'
import type { Database } from '../shared/database.ts'
import type { Logger } from '../shared/logger.ts'
import { answerErrors, createApp } from '../shared/web-app.ts'
import type { QualityEngine } from './quality/engine.ts'
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
    const [database, quality] = await Promise.all([databaseHealth(db), engine.health()])
    // 200 all the same: without either of them there is still much that works, and the page says what does not.
    response.set('Cache-Control', 'no-store').json({
      status: database.answers && quality.answers ? 'healthy' : 'degraded',
      service: 'camera',
      database,
      engine: { name: engine.name, kind: engine.kind, ...quality },
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

async function databaseHealth(db: Database): Promise<{ kind: Database['kind']; answers: boolean }> {
  const answers = await db.pool.query('select 1').then(
    () => true,
    () => false,
  )
  return { kind: db.kind, answers }
}
