import express, { Router } from 'express'
import { z } from 'zod'
import { Problem } from '../../shared/problem.ts'
import { chunks } from '../metrics.ts'
import { readBody } from '../read-body.ts'
import { addressOf } from '../sessions/session-routes.ts'
import type { Sessions } from '../sessions/sessions.ts'
import { bearerToken } from '../sessions/token.ts'
import { readChunkForm, videoId } from './chunk-form.ts'
import type { Receipt, Receiver } from './receive-chunk.ts'
import type { Recordings } from './recordings.ts'

const text = (longest: number) => z.string().max(longest).nullish()

/** What the page knows of a recording. Kept as it is, shown to its own session, believed by nobody. */
const metadata = z.strictObject({
  session_id: z.uuid('is not the id of a session'),
  video_id: videoId,
  prompt_id: text(64),
  duration: z.number().min(0).max(86_400).nullish(),
  file_size: z.number().int().min(0).max(Number.MAX_SAFE_INTEGER).nullish(),
  codec: text(100),
  resolution: z
    .string()
    .regex(/^\d{1,5}x\d{1,5}$/, 'is not a size such as 1280x720')
    .nullish(),
  frame_rate: z.number().min(0).max(1000).nullish(),
  camera_model: text(200),
  browser: text(400),
  timestamp: text(40),
})

const asked = z.object({ session_id: z.uuid('is not the id of a session'), video_id: videoId })

/** What arrives: chunks, what is said about a recording, and the question how far it is. */
export function uploadRoutes(sessions: Sessions, recordings: Recordings, receiver: Receiver): Router {
  const router = Router()

  router.post('/api/upload/chunk', async (request, response) => {
    // Whose it is, is known before anything of the body is read.
    const session = await sessions.open(bearerToken(request))
    const { receipt, index } = await readChunkForm(request, async (form, bytes) => {
      if (form.session_id !== session.id) throw new Problem(403, 'The token belongs to another session')
      return { receipt: await receiver.receive(session.id, form, bytes), index: form.chunk_index }
    }).catch((error: unknown) => {
      const isTheirs = error instanceof Problem && error.status < 500
      chunks.add({ result: isTheirs ? 'refused' : 'failed' })
      throw error
    })
    response.json({ ...describe(receipt), chunk_index: index })
  })

  router.get('/api/upload/status', async (request, response) => {
    const { session_id, video_id } = readBody(asked, { ...request.query })
    await sessions.open(bearerToken(request), session_id)
    const recording = await recordings.find(session_id, video_id)
    // To have nothing yet is an answer: it is what a client asks before it sends the first chunk.
    const nothing = { status: 'nothing_received', video_id, total_chunks: null, received: 0, missing: [] }
    const told = recording === undefined ? nothing : describe(await receiver.look(recording))
    response.set('Cache-Control', 'no-store').json(told)
  })

  router.post('/api/upload/metadata', express.json({ limit: '16kb' }), async (request, response) => {
    const { session_id, video_id, ...said } = readBody(metadata, request.body)
    await sessions.open(bearerToken(request), session_id)
    const recording = await recordings.find(session_id, video_id)
    if (recording === undefined) throw new Problem(404, 'There is no such recording')
    await recordings.saveMetadata(recording.id, said)
    response.json({ status: 'metadata_saved', video_id })
  })
  return router
}

// --- internal ---

function describe({ recording, received, missing }: Receipt) {
  const isComplete = recording.state === 'complete'
  return {
    status: isComplete ? 'video_complete' : 'chunk_received',
    video_id: recording.videoId,
    chunk_size: recording.chunkSize,
    total_chunks: recording.totalChunks,
    received,
    missing,
    ...(isComplete && {
      size: recording.bytes,
      file_path: addressOf(recording.sessionId, recording.videoId),
    }),
  }
}
