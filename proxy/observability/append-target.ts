import fs from 'node:fs'
import { mkdir, stat } from 'node:fs/promises'
import { dirname } from 'node:path'
import { promisify } from 'node:util'

/**
 * Where lines are appended: a file that several processes share, or standard output.
 *
 * A file is opened to append, and each write holds whole lines. The kernel keeps such writes to a file apart,
 * but on a pipe only up to 4096 bytes (PIPE_BUF): there no write is longer, if the lines themselves are not.
 */
export interface AppendTarget {
  /** Writes what is left of the batch. After a failure the batch can be given again. */
  append(batch: Batch): Promise<void>
  /** The same at once, for the last moment of a process. */
  appendNow(batch: Batch): void
  /** Looks for another file under the name before the next write. */
  reopen(): void
  close(): Promise<void>
}

/** Whole lines, and how far they have been written. */
export interface Batch {
  readonly bytes: Buffer
  offset: number
  /** The last write ended within a line, which is to be closed and written again. */
  torn: boolean
  /** A write is under way. */
  inFlight: boolean
}

/** The most that a pipe takes in one piece. Bytes. */
export const pipeLimit = 4096

export const standardOutput = 'stdout'

/** Opens nothing yet. `path` is absolute, or `stdout`. */
export function createAppendTarget(path: string): AppendTarget {
  const isStandard = path === standardOutput
  let fd = isStandard ? 1 : undefined
  let longestWrite = isStandard ? longestWriteTo(1) : Number.POSITIVE_INFINITY
  let lookedAt = 0
  let closed = false

  async function openFile(): Promise<number> {
    await mkdir(dirname(path), { recursive: true })
    return takeOver(await openFd(path, 'a', 0o640))
  }

  function takeOver(opened: number): number {
    fd = opened
    longestWrite = longestWriteTo(opened)
    lookedAt = performance.now()
    return opened
  }

  /** logrotate renames the file and sends no signal: the name is looked at, at most once a second. */
  async function currentFd(batch: Batch): Promise<number> {
    // A write that stalled until after the end must not open the file again.
    if (closed) throw new Error('the log is closed')
    if (fd === undefined) return openFile()
    if (isStandard || performance.now() - lookedAt < 1000) return fd
    lookedAt = performance.now()
    if (await isSameFile(fd, path)) return fd
    const before = fd
    const opened = await openFile()
    batch.torn = false
    await closeFd(before)
    return opened
  }

  return {
    async append(batch) {
      while (batch.offset < batch.bytes.length) {
        const current = await currentFd(batch)
        const chunk = nextChunk(batch, longestWrite)
        batch.inFlight = true
        try {
          const { bytesWritten } = await writeFd(current, chunk, 0, chunk.length, null)
          advance(batch, chunk.length, bytesWritten)
        } finally {
          batch.inFlight = false
        }
      }
    },
    appendNow(batch) {
      if (fd === undefined) fs.mkdirSync(dirname(path), { recursive: true })
      const current = fd ?? takeOver(fs.openSync(path, 'a', 0o640))
      while (batch.offset < batch.bytes.length) {
        const chunk = nextChunk(batch, longestWrite)
        advance(batch, chunk.length, fs.writeSync(current, chunk, 0, chunk.length, null))
      }
    },
    reopen() {
      lookedAt = Number.NEGATIVE_INFINITY
    },
    async close() {
      closed = true
      const closing = fd
      fd = undefined
      if (closing !== undefined && !isStandard) await closeFd(closing)
    },
  }
}

// --- internal ---

const openFd = promisify(fs.open)
const writeFd = promisify(fs.write)
const closeFd = promisify(fs.close)
const statFd = promisify(fs.fstat)

const lineBreak = 10

/** Pipes, sockets (the journal) and terminals mix longer writes of several processes. */
function longestWriteTo(fd: number): number {
  try {
    return fs.fstatSync(fd).isFile() ? Number.POSITIVE_INFINITY : pipeLimit
  } catch {
    return pipeLimit
  }
}

async function isSameFile(fd: number, path: string): Promise<boolean> {
  try {
    const [opened, named] = await Promise.all([statFd(fd), stat(path)])
    return opened.ino === named.ino && opened.dev === named.dev
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== 'ENOENT'
  }
}

/** As many whole lines as one write may hold, at least one. */
function nextChunk({ bytes, offset, torn }: Batch, longest: number): Buffer {
  let end = bytes.length
  if (end - offset > longest) {
    end = bytes.lastIndexOf(lineBreak, offset + longest - 1) + 1
    if (end <= offset) end = bytes.indexOf(lineBreak, offset) + 1 || bytes.length
  }
  const lines = bytes.subarray(offset, end)
  return torn ? Buffer.concat([Buffer.of(lineBreak), lines]) : lines
}

/**
 * A full disk takes a part of a write. Another process may append before the rest, so the line that was torn is
 * closed where it is and written again as a whole.
 */
function advance(batch: Batch, length: number, written: number): void {
  if (written === 0) throw Object.assign(new Error('nothing was written'), { code: 'ENOSPC' })
  const reached = batch.offset + written - (batch.torn ? 1 : 0)
  if (written === length) {
    batch.offset = reached
    batch.torn = false
    return
  }
  const lineStart = reached === 0 ? 0 : batch.bytes.lastIndexOf(lineBreak, reached - 1) + 1
  batch.torn = reached > lineStart
  batch.offset = lineStart
}
