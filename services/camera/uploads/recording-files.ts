import { createHash } from 'node:crypto'
import { constants } from 'node:fs'
import { type FileHandle, mkdir, open, readdir, rename, rm, stat, statfs } from 'node:fs/promises'
import { join } from 'node:path'
import { addAbortSignal, type Readable } from 'node:stream'
import { syncFolder } from '../../shared/sync-folder.ts'

/** Where a chunk belongs, and what it was said to be. */
export interface ChunkPlace {
  readonly recordingId: string
  readonly offset: number
  readonly size: number
  readonly signal: AbortSignal
}

export interface WrittenChunk {
  /** As many as arrived, and at most one piece more than was said. */
  readonly size: number
  readonly sha256: string
  /** The first bytes, by which kinds of file are known. */
  readonly head: Buffer
}

/**
 * The recordings on disk: `<id>.part` while chunks arrive, each at its own offset, and `<id>.<extension>` once all of
 * them are there. Ids are UUIDs of ours.
 */
export interface RecordingFiles {
  /** Writes a chunk where it belongs, and resolves when it would survive a loss of power. */
  write(place: ChunkPlace, bytes: Readable): Promise<WrittenChunk>
  /** Gives the file its last name, once and for all. It may be asked again after a crash at any point. */
  finish(recordingId: string, extension: string, size: number): Promise<void>
  path(recordingId: string, extension: string): string
  remove(recordingId: string): Promise<void>
  /** Bytes that could still be written. */
  free(): Promise<number>
  /** Every file by its recording, with the time of its last change. */
  all(): Promise<{ recordingId: string; changed: Date }[]>
}

export async function openRecordingFiles(folder: string): Promise<RecordingFiles> {
  await mkdir(folder, { recursive: true, mode: 0o700 })
  const part = (id: string) => join(folder, `${id}.part`)
  const path = (id: string, extension: string) => join(folder, `${id}.${extension}`)

  return {
    path,

    async write({ recordingId, offset, size, signal }, bytes) {
      const file = await open(part(recordingId), constants.O_RDWR | constants.O_CREAT, 0o600)
      try {
        const written = await writeAt(file, bytes, { offset, size, signal })
        await file.datasync()
        return written
      } finally {
        await file.close()
      }
    },

    async finish(recordingId, extension, size) {
      const whole = path(recordingId, extension)
      // It was finished before and the note of it was lost; a chunk that came again since then began another `.part`.
      if ((await sizeOf(whole)) === size) return rm(part(recordingId), { force: true })
      const file = await open(part(recordingId), 'r+')
      try {
        const { size: found } = await file.stat()
        if (found < size) throw new Error(`${part(recordingId)} has ${found} bytes instead of ${size}`)
        // A chunk that was refused may have left bytes behind the end.
        if (found > size) await file.truncate(size)
        await file.sync()
      } finally {
        await file.close()
      }
      await rename(part(recordingId), whole)
      await syncFolder(folder)
    },

    async remove(recordingId) {
      const names = (await readdir(folder)).filter((name) => name.startsWith(`${recordingId}.`))
      for (const name of names) await rm(join(folder, name), { force: true })
    },

    async free() {
      const { bavail, bsize } = await statfs(folder)
      return bavail * bsize
    },

    async all() {
      const files = []
      for (const name of await readdir(folder)) {
        const found = await stat(join(folder, name)).catch(() => undefined)
        if (found?.isFile()) files.push({ recordingId: name.replace(/\..*$/, ''), changed: found.mtime })
      }
      return files
    },
  }
}

// --- internal ---

async function writeAt(
  file: FileHandle,
  bytes: Readable,
  { offset, size, signal }: { offset: number; size: number; signal: AbortSignal },
): Promise<WrittenChunk> {
  const hash = createHash('sha256')
  const head: Buffer[] = []
  let arrived = 0
  // Stops one that waits for bytes as well.
  addAbortSignal(signal, bytes)
  for await (const piece of bytes as AsyncIterable<Buffer>) {
    if (arrived < 16) head.push(piece.subarray(0, 16))
    // Beyond its own place a chunk writes nothing: there lies the next one.
    const fitting = piece.subarray(0, Math.max(0, size - arrived))
    for (let done = 0; done < fitting.length; )
      done += (await file.write(fitting, done, fitting.length - done, offset + arrived + done)).bytesWritten
    arrived += piece.length
    if (arrived > size) break
    hash.update(piece)
  }
  signal.throwIfAborted()
  return { size: arrived, sha256: hash.digest('hex'), head: Buffer.concat(head).subarray(0, 16) }
}

async function sizeOf(path: string): Promise<number | undefined> {
  return (await stat(path).catch(() => undefined))?.size
}
