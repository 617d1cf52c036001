import { Router } from 'express'
import { Problem } from '../../shared/problem.ts'
import type { Sessions } from '../sessions/sessions.ts'
import { bearerToken, readingToken } from '../sessions/token.ts'
import { mediaTypes } from '../settings.ts'
import { videoId } from './chunk-form.ts'
import type { RecordingFiles } from './recording-files.ts'
import type { Recordings } from './recordings.ts'

/** `GET` plays a whole recording, with ranges; `DELETE` removes one in any state. For its own session alone. */
export function recordingRoutes(sessions: Sessions, recordings: Recordings, files: RecordingFiles): Router {
  const router = Router()
  const path = '/api/session/:session/recordings/:video'

  async function find(sessionId: string, name: string) {
    const recording = videoId.safeParse(name).success ? await recordings.find(sessionId, name) : undefined
    if (recording === undefined) throw new Problem(404, 'There is no such recording')
    return recording
  }

  router.get(path, async (request, response) => {
    const { id } = await sessions.open(readingToken(request), request.params.session)
    const recording = await find(id, request.params.video)
    if (recording.state !== 'complete') throw new Problem(409, 'This recording is not whole yet')
    response.set({
      'Content-Type': mediaTypes[recording.extension as keyof typeof mediaTypes],
      'Cache-Control': 'private, no-cache',
      // Whatever its bytes are, they run no script under this address.
      'Content-Security-Policy': "default-src 'none'; sandbox",
      'X-Content-Type-Options': 'nosniff',
    })
    await new Promise<void>((resolve, reject) => {
      const file = files.path(recording.id, recording.extension)
      response.sendFile(file, { cacheControl: false, dotfiles: 'allow' }, (error) => {
        // A player that has seen enough leaves in the middle, which is no fault.
        if (error && !response.headersSent) reject(error)
        else resolve()
      })
    })
  })

  router.delete(path, async (request, response) => {
    const { id } = await sessions.open(bearerToken(request), request.params.session)
    const recording = await find(id, request.params.video)
    await recordings.remove(recording.id)
    await files.remove(recording.id)
    response.status(204).end()
  })
  return router
}
