import { createServer } from 'node:http'
import { join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { openDatabase } from '../shared/database.ts'
import { readEnvironment } from '../shared/environment.ts'
import { createLogger, type Logger } from '../shared/logger.ts'
import { byState, rarely } from '../shared/metrics.ts'
import { serve } from '../shared/serve.ts'
import { start } from '../shared/start.ts'
import { createCameraApp } from './app.ts'
import * as metrics from './metrics.ts'
import type { QualityEngine } from './quality/engine.ts'
import { localEngine } from './quality/local.ts'
import { createTritonEngine } from './quality/triton/triton.ts'
import { createSessions } from './sessions/sessions.ts'
import { type CameraSettings, cameraSettings } from './settings.ts'
import { createReceiver } from './uploads/receive-chunk.ts'
import { openRecordingFiles } from './uploads/recording-files.ts'
import { createRecordings } from './uploads/recordings.ts'
import { keepTidy } from './uploads/tidy.ts'

/** The camera service: sessions, recordings that arrive in chunks, and how good a picture is. */

const log = createLogger({ service: 'camera' })

await start(log, async () => {
  const settings = readEnvironment(cameraSettings)
  const folder = resolve(settings.DATA_DIR)
  const db = await openDatabase({
    url: settings.DATABASE_URL,
    folder: join(folder, 'database'),
    migrations: new URL('migrations/', import.meta.url),
    log,
  })
  const files = await openRecordingFiles(join(folder, 'recordings'))
  const recordings = createRecordings(db)
  const receiver = createReceiver(recordings, files, {
    chunk: settings.MAX_CHUNK,
    recording: settings.MAX_RECORDING,
    recordings: settings.MAX_RECORDINGS,
    session: settings.SESSION_QUOTA,
    total: settings.TOTAL_QUOTA,
    reserve: settings.DISK_RESERVE,
    parallel: settings.MAX_UPLOADS,
  })
  const engine = engineOf(settings, log)
  metrics.engineUp.read(rarely(async () => (await engine.health()).answers))
  const count = rarely(() => recordings.countByState())
  metrics.recordings.read(async () => byState(await count(), ['receiving', 'complete']))
  const ages = { complete: settings.KEEP_DAYS * 24, unfinished: settings.UNFINISHED_HOURS }
  const tidying = keepTidy(recordings, files, receiver, { ages, log })
  const app = createCameraApp({
    db,
    sessions: createSessions(db, { hours: settings.SESSION_HOURS }),
    recordings,
    files,
    receiver,
    engine,
    page: pageFolder(),
    told: {
      chunkSize: Math.min(1024 ** 2, settings.MAX_CHUNK),
      publicUrl: settings.PUBLIC_URL,
    },
    log,
  })
  return serve({
    server: createServer(app),
    upstream: 'camera',
    async onStopped() {
      tidying.stop()
      await db.close()
    },
  })
})

// --- internal ---

function engineOf(settings: CameraSettings, log: Logger): QualityEngine {
  const { TRITON_URL: url, QUALITY_ENGINE: wanted = url === undefined ? 'local' : 'triton' } = settings
  if (wanted === 'local' || url === undefined) return localEngine
  return createTritonEngine({
    url,
    model: settings.TRITON_MODEL,
    tensors: settings.TRITON_TENSORS,
    timeout: settings.TRITON_TIMEOUT,
    batch: settings.TRITON_BATCH,
    cuts: { good: settings.QUALITY_GOOD, acceptable: settings.QUALITY_ACCEPTABLE },
    log,
  })
}

/** `make build` puts pages into dist/, where the compiled service lies as well. */
function pageFolder(): string {
  const isSource = import.meta.url.endsWith('.ts')
  return fileURLToPath(new URL(isSource ? '../../dist/pages/camera' : '../../pages/camera', import.meta.url))
}
