import { ask } from '../../shared/page/ask.ts'

/** What this browser may do here: add recordings to its own session and look at those. */
export interface Session {
  readonly id: string
  readonly token: string
}

/** A recording as the service knows it. */
export interface SavedVideo {
  readonly video_id: string
  readonly status: 'receiving' | 'complete'
  readonly size: number
  readonly metadata: { readonly duration?: number | null; readonly resolution?: string | null } | null
  readonly created_at: string
  readonly file_path: string | null
}

const kept = 'camera.session'
let opening: Promise<Session> | undefined

/** The session that this browser has, or a new one. Rejects with a Refusal when none can be had. */
export function openSession(): Promise<Session> {
  const session = knownSession()
  if (session) return Promise.resolve(session)
  // Two who ask at once get the same one.
  opening ??= createSession().finally(() => {
    opening = undefined
  })
  return opening
}

export function knownSession(): Session | undefined {
  try {
    return JSON.parse(localStorage.getItem(kept) ?? 'null') ?? undefined
  } catch {
    return undefined
  }
}

/** Forgets it; the next `openSession` makes another. What was recorded stays where it is. */
export function leaveSession(): void {
  localStorage.removeItem(kept)
}

export function authorise(session: Session): Record<string, string> {
  return { Authorization: `Bearer ${session.token}` }
}

export async function listVideos(session: Session): Promise<readonly SavedVideo[]> {
  const path = `api/session/${session.id}`
  return (await ask<{ videos: SavedVideo[] }>(path, { headers: authorise(session) })).videos
}

export async function deleteVideo(session: Session, videoId: string): Promise<void> {
  await ask(`api/session/${session.id}/recordings/${videoId}`, {
    method: 'DELETE',
    headers: authorise(session),
  })
}

// --- internal ---

async function createSession(): Promise<Session> {
  const made = await ask<{ session_id: string; token: string }>('api/session/create', { json: {} })
  const session = { id: made.session_id, token: made.token }
  localStorage.setItem(kept, JSON.stringify(session))
  return session
}
