import express, { Router } from 'express'
import { z } from 'zod'
import { readBody } from '../read-body.ts'
import type { Recording } from '../uploads/recording.ts'
import type { Recordings } from '../uploads/recordings.ts'
import type { Session, Sessions } from './sessions.ts'
import { bearerToken, cookieOptions, tokenCookie } from './token.ts'

/** A name as people have them: no control characters, none that turn the direction of the text around it. */
const name = (longest: number) =>
  z
    .string()
    .trim()
    .max(longest)
    .regex(/^[^\p{Cc}\p{Cf}]*$/u, 'holds characters that cannot be shown')
    .optional()

const person = z.strictObject({
  participant_id: name(64),
  participant_name: name(200),
  video_type: name(32),
})

/** `POST /api/session/create` and `GET /api/session/{id}`. */
export function sessionRoutes(
  sessions: Sessions,
  recordings: Recordings,
  told: { chunkSize: number },
): Router {
  const router = Router()

  router.post('/api/session/create', express.json({ limit: '16kb' }), async (request, response) => {
    const body = readBody(person, request.body ?? {})
    const { session, token } = await sessions.create({
      participantId: body.participant_id,
      participantName: body.participant_name,
      videoType: body.video_type,
    })
    response.cookie(tokenCookie, token, cookieOptions(request, session.id, session.expiresAt))
    response
      .status(201)
      .json({ ...describeSession(session), status: 'created', token, chunk_size: told.chunkSize })
  })

  router.get('/api/session/:id', async (request, response) => {
    const session = await sessions.open(bearerToken(request), request.params.id)
    const all = await recordings.list(session.id)
    response.set('Cache-Control', 'no-store')
    response.json({
      ...describeSession(session),
      status: 'created',
      videos: all.map((recording) => describeRecording(session, recording)),
    })
  })
  return router
}

/** Where a recording is played from. */
export function addressOf(sessionId: string, videoId: string): string {
  return `/api/session/${sessionId}/recordings/${videoId}`
}

// --- internal ---

function describeSession(session: Session) {
  return {
    session_id: session.id,
    participant_id: session.participantId,
    participant_name: session.participantName,
    created_at: session.createdAt,
    expires_at: session.expiresAt,
  }
}

function describeRecording(session: Session, recording: Recording) {
  const isComplete = recording.state === 'complete'
  return {
    video_id: recording.videoId,
    status: recording.state,
    size: recording.bytes,
    total_chunks: recording.totalChunks,
    metadata: recording.metadata,
    created_at: recording.createdAt,
    uploaded_at: recording.completedAt,
    file_path: isComplete ? addressOf(session.id, recording.videoId) : null,
  }
}
