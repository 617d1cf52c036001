import { Problem } from '../../shared/problem.ts'
import { smallestChunk } from '../settings.ts'
import type { ChunkForm } from './chunk-form.ts'
import type { Recording } from './recording.ts'
import type { WrittenChunk } from './recording-files.ts'

export interface ChunkLimits {
  /** Bytes of one chunk, at most. */
  readonly chunk: number
  /** Bytes of a recording, at most. */
  readonly recording: number
}

/** Chunks of a recording, at most: each receipt looks through their numbers. */
const mostChunks = 10_000

/** Whether a recording may begin like this. Throws a Problem. */
export function checkNewRecording({ chunk_size }: ChunkForm, limits: ChunkLimits): void {
  if (chunk_size < smallestChunk || chunk_size > limits.chunk)
    throw new Problem(400, `chunk_size: is not from ${smallestChunk} to ${limits.chunk} bytes`)
}

/** Whether a chunk, as it is said to be, has a place in this recording. Throws a Problem that says why it has none. */
export function checkPlace(recording: Recording, form: ChunkForm, limits: ChunkLimits): void {
  const { chunk_index: index, chunk_size: full, size } = form
  if (full !== recording.chunkSize)
    throw new Problem(409, `chunk_size: this recording has chunks of ${recording.chunkSize} bytes`)
  if (form.file_extension !== recording.extension)
    throw new Problem(409, `file_extension: this recording is ${recording.extension}`)
  if (
    recording.totalChunks !== null &&
    form.total_chunks !== undefined &&
    form.total_chunks !== recording.totalChunks
  )
    throw new Problem(409, `total_chunks: this recording has ${recording.totalChunks}`)
  const total = recording.totalChunks ?? form.total_chunks
  if (total !== undefined && index >= total)
    throw new Problem(400, `chunk_index: the last of ${total} chunks is ${total - 1}`)
  const isLast = total !== undefined && index === total - 1
  if (size === 0 || size > full) throw new Problem(400, `size: is not from 1 to ${full} bytes`)
  if (!isLast && size < full)
    throw new Problem(
      400,
      'size: only the last chunk is smaller than chunk_size, and comes with total_chunks',
    )
  if (index >= mostChunks || (total ?? 1) > mostChunks)
    throw new Problem(413, `A recording has at most ${mostChunks} chunks`, { limit: mostChunks })
  if (index * full + size > limits.recording || (total ?? 1) * full > limits.recording + full)
    throw new Problem(413, `A recording has at most ${limits.recording} bytes`, { limit: limits.recording })
}

/** Whether a chunk arrived as it was said to be. Throws a Problem 400; nothing of it counts then. */
export function checkArrived(form: ChunkForm, { size, sha256, head }: WrittenChunk): void {
  if (size !== form.size) throw new Problem(400, `size: ${form.size} bytes were announced and others arrived`)
  if (sha256 !== form.sha256) throw new Problem(400, 'sha256: the bytes that arrived have another digest')
  if (form.chunk_index === 0 && !isMedia(form.file_extension, head))
    throw new Problem(415, `The recording does not begin as ${form.file_extension} does`)
}

// --- internal ---

/** EBML for WebM; a first box called `ftyp` for MP4. This is no place to keep pages and programs in. */
function isMedia(extension: ChunkForm['file_extension'], head: Buffer): boolean {
  if (extension === 'webm') return head.subarray(0, 4).equals(Buffer.from([0x1a, 0x45, 0xdf, 0xa3]))
  return head.subarray(4, 8).toString('latin1') === 'ftyp'
}
