import { ask, Refusal } from '../../../shared/page/ask.ts'
import { authorise, leaveSession, openSession, type Session } from '../session.ts'
import type { Journal, JournalEntry } from './journal.ts'

/** How far a recording of this browser's journal is. */
export interface Upload {
  readonly entry: JournalEntry
  /** Chunks that the service has. */
  readonly sent: number
  readonly state: 'recording' | 'sending' | 'waiting' | 'failed'
  /** Why it waits or failed, for the person in front of it. */
  readonly reason?: string
}

export interface Uploader {
  /** Looks into the journal: something was added to it. */
  wake(): void
  /** Tries again what could not be sent: room may have been made for it. */
  retry(videoId: string): void
  stop(): void
}

/** Chunks on their way at one time: enough that a slow answer does not hold up the line. */
const parallel = 3
/** Milliseconds until the first and between the last tries. */
const [firstPause, longestPause] = [500, 10_000]

interface UploaderSettings {
  readonly journal: Journal
  onChange(uploads: readonly Upload[]): void
  /** A recording is whole over there, and no longer here. */
  onWhole(): void
}

/** Sends what is in the journal, one recording after the other, as long as it takes. */
export function createUploader({ journal, onChange, onWhole }: UploaderSettings): Uploader {
  /** What the service said it has, by recording. Forgotten with the session that it said so to. */
  const sent = new Map<string, Set<number>>()
  const failed = new Map<string, string>()
  const stopped = new AbortController()
  let trouble: string | undefined
  let failures = 0
  let isRunning = false
  /** Something was added while it ran. */
  let isWoken = false
  let timer: ReturnType<typeof setTimeout> | undefined

  async function run(): Promise<void> {
    clearTimeout(timer)
    isWoken = true
    if (isRunning || stopped.signal.aborted) return
    isRunning = true
    try {
      while (isWoken) {
        isWoken = false
        let entries = await show()
        for (let entry = next(entries); entry; entry = next(entries)) {
          await advance(entry)
          failures = 0
          trouble = undefined
          entries = await show()
        }
      }
    } catch (error) {
      trouble = error instanceof Refusal ? error.message : 'This browser could not read what it recorded.'
      const wait = Math.min(longestPause, firstPause * 2 ** failures++)
      timer = setTimeout(() => void run(), wait * (0.7 + 0.6 * Math.random()))
    }
    isRunning = false
    if (!stopped.signal.aborted) await show().catch(() => {})
  }

  /** The oldest one of which something is left to send. */
  function next(entries: readonly JournalEntry[]): JournalEntry | undefined {
    return entries.find(
      ({ videoId, finished, chunks }) =>
        !failed.has(videoId) && (finished !== undefined || (sent.get(videoId)?.size ?? 0) < chunks),
    )
  }

  async function advance(entry: JournalEntry): Promise<void> {
    const session = await openSession()
    try {
      const have = sent.get(entry.videoId) ?? (await whatIsThere(session, entry))
      sent.set(entry.videoId, have)
      const missing = Array.from({ length: entry.chunks }, (_, index) => index).filter(
        (index) => !have.has(index),
      )
      for (let at = 0; at < missing.length; at += parallel) {
        await Promise.all(
          missing.slice(at, at + parallel).map(async (index) => {
            await sendChunk(session, entry, index)
            have.add(index)
          }),
        )
        await show()
      }
      if (entry.finished) await complete(session, entry)
    } catch (error) {
      if (!(error instanceof Refusal) || !isFinal(error.status)) throw error
      // The session is over, or the service has lost it: all of it goes to a new one.
      if (error.status === 401) {
        leaveSession()
        sent.clear()
        throw error
      }
      failed.set(entry.videoId, error.message)
    }
  }

  async function whatIsThere(session: Session, entry: JournalEntry): Promise<Set<number>> {
    const path = `api/upload/status?session_id=${session.id}&video_id=${entry.videoId}`
    const { missing, received } = await ask<Status>(path, { headers: authorise(session) })
    // Gaps end where the last chunk over there does; what lies beyond was never sent.
    const gaps = missing.flatMap(([from, to]) => Array.from({ length: to - from + 1 }, (_, at) => from + at))
    const end = received + gaps.length
    return new Set(Array.from({ length: end }, (_, index) => index).filter((index) => !gaps.includes(index)))
  }

  async function sendChunk(session: Session, entry: JournalEntry, index: number): Promise<Status> {
    const bytes = await journal.chunk(entry.videoId, index)
    if (!bytes) throw new Error(`Chunk ${index} is gone`)
    const form = new FormData()
    form.set('session_id', session.id)
    form.set('video_id', entry.videoId)
    form.set('chunk_index', String(index))
    if (entry.finished) form.set('total_chunks', String(entry.chunks))
    form.set('chunk_size', String(entry.chunkSize))
    form.set('size', String(bytes.byteLength))
    form.set('sha256', await digest(bytes))
    form.set('file_extension', entry.extension)
    // Behind the fields, by which the service knows what to do with it.
    form.set('chunk', new Blob([bytes]))
    return ask<Status>('api/upload/chunk', {
      method: 'POST',
      body: form,
      headers: authorise(session),
      signal: stopped.signal,
    })
  }

  async function complete(session: Session, entry: JournalEntry): Promise<void> {
    // The last chunk once more if need be: it tells the length, which was not known when it went.
    const { status } = await sendChunk(session, entry, entry.chunks - 1)
    if (status !== 'video_complete') {
      sent.delete(entry.videoId)
      throw new Refusal(0, 'The service does not have it whole yet.')
    }
    await ask('api/upload/metadata', {
      headers: authorise(session),
      json: {
        session_id: session.id,
        video_id: entry.videoId,
        ...entry.finished,
        file_size: entry.bytes,
        browser: navigator.userAgent.slice(0, 400),
        timestamp: new Date(entry.startedAt).toISOString(),
      },
    })
    await journal.remove(entry.videoId)
    onWhole()
  }

  async function show(): Promise<readonly JournalEntry[]> {
    const entries = await journal.list()
    onChange(entries.map((entry) => uploadOf(entry)))
    return entries
  }

  function uploadOf(entry: JournalEntry): Upload {
    const has = sent.get(entry.videoId)?.size ?? 0
    const fault = failed.get(entry.videoId)
    if (fault) return { entry, sent: has, state: 'failed', reason: fault }
    if (trouble) return { entry, sent: has, state: 'waiting', reason: trouble }
    return { entry, sent: has, state: entry.finished ? 'sending' : 'recording' }
  }

  const wake = () => void run()
  addEventListener('online', wake)
  wake()
  return {
    wake,
    retry(videoId) {
      failed.delete(videoId)
      wake()
    },
    stop() {
      stopped.abort()
      clearTimeout(timer)
      removeEventListener('online', wake)
    },
  }
}

// --- internal ---

interface Status {
  readonly status: 'nothing_received' | 'chunk_received' | 'video_complete'
  readonly received: number
  readonly missing: readonly (readonly [from: number, to: number])[]
}

/** Whether sending the same once more cannot help. */
function isFinal(status: number): boolean {
  return status >= 400 && status < 500 && status !== 408 && status !== 429
}

async function digest(bytes: ArrayBuffer): Promise<string> {
  const hash = new Uint8Array(await crypto.subtle.digest('SHA-256', bytes))
  return Array.from(hash, (byte) => byte.toString(16).padStart(2, '0')).join('')
}
