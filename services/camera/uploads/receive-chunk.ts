import type { Readable } from 'node:stream'
import { Problem } from '../../shared/problem.ts'
import { chunkBytes, chunks } from '../metrics.ts'
import type { ChunkForm } from './chunk-form.ts'
import { type ChunkLimits, checkArrived, checkNewRecording, checkPlace } from './chunk-rules.ts'
import type { Recording } from './recording.ts'
import type { RecordingChange, Usage } from './recording-change.ts'
import type { RecordingFiles } from './recording-files.ts'
import type { Progress, Recordings } from './recordings.ts'

export interface UploadLimits extends ChunkLimits {
  /** Recordings of one session: small ones cost rows and files, too. */
  readonly recordings: number
  /** Bytes of all recordings of one session. */
  readonly session: number
  /** Bytes of all recordings. */
  readonly total: number
  /** Bytes of the disk that stay free for others, the database among them. */
  readonly reserve: number
  /** Chunks on their way to disk at one time. */
  readonly parallel: number
}

export interface Receipt extends Progress {
  readonly recording: Recording
}

export interface Receiver {
  /**
   * Takes in one chunk, in any order and any number of times. It counts when its bytes are on disk and the database
   * knows. Throws a Problem when it cannot be taken; the recording is then what it was before.
   */
  receive(sessionId: string, form: ChunkForm, bytes: Readable): Promise<Receipt>
  /** How far a recording is, finishing it if that is all that was left to do. */
  look(recording: Recording): Promise<Receipt>
}

/** Milliseconds for one chunk: who sends a byte now and then must not hold a place for ever. */
const patience = 5 * 60_000

export function createReceiver(
  recordings: Recordings,
  files: RecordingFiles,
  limits: UploadLimits,
): Receiver {
  /** Which chunks are being written, and how to stop each. */
  const writing = new Map<string, { stop: AbortController; ended: Promise<void> }>()

  /**
   * One writer for each chunk, and the latest one is it: an earlier one is a connection that its client has given up
   * and that may hang for as long as sockets do.
   */
  async function asOnlyWriter<Answer>(place: string, work: (signal: AbortSignal) => Promise<Answer>) {
    for (let before = writing.get(place); before; before = writing.get(place)) {
      before.stop.abort(new Problem(409, 'The same chunk came again, and that one was taken'))
      await before.ended
    }
    if (writing.size >= limits.parallel)
      throw new Problem(503, 'Too many uploads at this moment', { headers: { 'Retry-After': '2' } })
    const stop = new AbortController()
    const late = setTimeout(() => stop.abort(new Problem(408, 'The chunk takes too long')), patience)
    const ended = Promise.withResolvers<void>()
    writing.set(place, { stop, ended: ended.promise })
    try {
      return await work(stop.signal)
    } finally {
      clearTimeout(late)
      writing.delete(place)
      ended.resolve()
    }
  }

  async function checkRoom(size: number, usage: Usage): Promise<void> {
    checkQuota(usage, size, limits)
    if ((await files.free()) - size < limits.reserve) throw diskFull()
  }

  /**
   * Counts what was written of a chunk that was not taken, as it takes room all the same. If its recording was deleted
   * meanwhile, it goes: nobody would look for it any more.
   */
  async function noteSpoilt(recording: Recording, { chunk_index: index, size }: ChunkForm): Promise<void> {
    try {
      await recordings.alone(recording, (change) => change.spoil({ index, size }))
    } catch (error) {
      // While the database is away it is not counted; whoever sent it hears why it was not taken.
      if (error instanceof Problem && error.status === 404) await files.remove(recording.id)
    }
  }

  async function finishIfWhole(change: RecordingChange, total: number | null): Promise<void> {
    const { recording } = change
    if (total === null || recording.state === 'complete' || (await change.count()) < total) return
    await files.finish(recording.id, recording.extension, await change.bytes())
    await change.complete()
  }

  async function receiptOf({ sessionId, videoId }: Recording): Promise<Receipt> {
    const recording = await recordings.find(sessionId, videoId)
    if (recording === undefined) throw gone()
    return { recording, ...(await recordings.progress(recording)) }
  }

  return {
    async receive(sessionId, form, bytes) {
      let recording = await recordings.find(sessionId, form.video_id)
      if (recording === undefined) {
        checkNewRecording(form, limits)
        if ((await recordings.count(sessionId)) >= limits.recordings) throw sessionFull(limits.recordings)
        await checkRoom(form.size, await recordings.usage(sessionId))
        recording = await recordings.open({
          sessionId,
          videoId: form.video_id,
          extension: form.file_extension,
          chunkSize: form.chunk_size,
        })
      }
      checkPlace(recording, form, limits)
      const place = { recordingId: recording.id, index: form.chunk_index }
      return asOnlyWriter(`${place.recordingId}/${place.index}`, async (signal) => {
        const known = await recordings.chunk(place.recordingId, place.index)
        if (known && known.sha256 !== form.sha256)
          throw new Problem(409, `chunk_index: chunk ${place.index} is here already, with another digest`)
        // What lies in its place already takes no more room.
        const room = form.size - (known ? 0 : await recordings.spoilt(place.recordingId, place.index))
        if (!known) await checkRoom(room, await recordings.usage(sessionId))
        try {
          if (known) bytes.resume()
          else {
            const offset = place.index * form.chunk_size
            const at = { recordingId: place.recordingId, offset, size: form.size, signal }
            checkArrived(form, await files.write(at, bytes))
          }
          await recordings.alone(recording, async (change) => {
            if (change.recording.state === 'complete') return
            await settleTotal(change, form)
            if (!known) {
              const { chunk_index: index, size, sha256 } = form
              checkQuota(change.usage, room, limits)
              await change.addChunk({ index, size, sha256 })
            }
            await finishIfWhole(change, change.recording.totalChunks ?? form.total_chunks ?? null)
          })
        } catch (error) {
          if (!known) await noteSpoilt(recording, form)
          signal.throwIfAborted()
          throw explainDisk(error as NodeJS.ErrnoException)
        }
        chunks.add({ result: known ? 'repeated' : 'stored' })
        if (!known) chunkBytes.add({}, form.size)
        return receiptOf(recording)
      })
    },

    async look(recording) {
      await recordings.alone(recording, (change) => finishIfWhole(change, change.recording.totalChunks))
      return receiptOf(recording)
    },
  }
}

// --- internal ---

/** Two chunks may have arrived at once with two totals, so it is checked again where nobody else is. */
async function settleTotal(change: RecordingChange, form: ChunkForm): Promise<void> {
  if (form.total_chunks === undefined) return
  const { totalChunks } = change.recording
  if (totalChunks === form.total_chunks) return
  if (totalChunks !== null) throw new Problem(409, `total_chunks: this recording has ${totalChunks}`)
  if ((await change.lastIndex()) >= form.total_chunks)
    throw new Problem(409, `total_chunks: there are chunks beyond ${form.total_chunks} already`)
  await change.setTotal(form.total_chunks)
}

function checkQuota(usage: Usage, size: number, limits: UploadLimits): void {
  if (usage.session + size > limits.session) throw sessionFull(limits.session)
  if (usage.total + size > limits.total) throw diskFull()
}

function sessionFull(limit: number): Problem {
  return new Problem(413, 'The recordings of this session take all the room it has; delete one first', {
    limit,
  })
}

function explainDisk(error: NodeJS.ErrnoException): Error {
  return error.code === 'ENOSPC' || error.code === 'EDQUOT' ? diskFull() : error
}

function diskFull(): Problem {
  return new Problem(507, 'There is no room for recordings here at the moment; what was sent is kept', {
    headers: { 'Retry-After': '60' },
  })
}

function gone(): Problem {
  return new Problem(404, 'There is no such recording; it may have been deleted')
}
