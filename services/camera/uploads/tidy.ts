import { isAway } from '../../shared/database.ts'
import type { Logger } from '../../shared/logger.ts'
import type { Receiver } from './receive-chunk.ts'
import type { RecordingFiles } from './recording-files.ts'
import type { Recordings } from './recordings.ts'

export interface Ages {
  /** Hours that a whole recording is kept. */
  readonly complete: number
  /** Hours after its last chunk that an unfinished one is kept. */
  readonly unfinished: number
}

export interface Tidying {
  stop(): void
}

/** Milliseconds. */
const pause = 10 * 60_000

/** Tidies at once and then every ten minutes. A database that is away is no reason to stop: it is tried again. */
export function keepTidy(
  recordings: Recordings,
  files: RecordingFiles,
  receiver: Receiver,
  { ages, log }: { ages: Ages; log: Logger },
): Tidying {
  async function run(): Promise<void> {
    try {
      const removed = await tidy(recordings, files, receiver, { ages, log })
      if (removed > 0) log.info('recordings that were too old are removed', { removed })
    } catch (error) {
      log.warn('could not tidy up; tries again later', { reason: (error as Error).message })
    }
  }
  void run()
  const timer = setInterval(() => void run(), pause).unref()
  return { stop: () => clearInterval(timer) }
}

// --- internal ---

/**
 * Finishes what a crash left all but finished, and removes what is too old. Answers how many recordings went.
 *
 * A file that no recording names is removed only when it is older than any recording may be: a database that was
 * restored, or mistaken for another, must not cost the files of today.
 */
async function tidy(
  recordings: Recordings,
  files: RecordingFiles,
  receiver: Receiver,
  { ages, log }: { ages: Ages; log: Logger },
): Promise<number> {
  for (const recording of await recordings.unfinished())
    await receiver.look(recording).catch((error: Error) => {
      if (isAway(error)) throw error
      // One whose file was lost must not keep the others from going when they are too old.
      log.error('a recording cannot be finished', { id: recording.id, reason: error.message })
    })
  const old = [
    ...(await recordings.olderThan('complete', ages.complete)),
    ...(await recordings.olderThan('receiving', ages.unfinished)),
  ]
  for (const { id } of old) {
    // In this order a crash leaves a file without a row, which is found below, and no row without its file.
    await recordings.remove(id)
    await files.remove(id)
  }
  const oldest = Date.now() - Math.max(ages.complete, ages.unfinished) * 3_600_000
  const stale = (await files.all()).filter(({ changed }) => changed.getTime() < oldest)
  const known = await recordings.known(stale.map(({ recordingId }) => recordingId))
  for (const { recordingId } of stale) if (!known.has(recordingId)) await files.remove(recordingId)
  await recordings.removeOldSessions()
  return old.length
}
