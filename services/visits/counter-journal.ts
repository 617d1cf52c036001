import { type FileHandle, mkdir, open, readFile, rename, stat } from 'node:fs/promises'
import { createServer, type Server } from 'node:net'
import { join } from 'node:path'
import { crc32 } from 'node:zlib'
import type { Logger } from '../shared/logger.ts'
import { type Counter, countIsAway, remembered } from './counter.ts'

/**
 * The count on this machine's disk: a journal of a line for each visit, with its number, its request and a checksum.
 *
 * A visit is answered when its line is on the disk. Visits that come while the disk is busy are written together, with
 * one wait for all. A line that a crash or a power cut spoilt is passed over, and its visit was never answered. What
 * grows too long is written anew beside it and renamed, so there is one whole journal at every moment.
 *
 * One process may have it; for another it throws, because both would give out the same numbers.
 */
export async function openJournal(
  folder: string,
  log: Logger,
  { largest = 4 * 1024 ** 2 } = {},
): Promise<Counter> {
  await mkdir(folder, { recursive: true })
  const lock = await lockFolder(folder)
  const path = join(folder, 'visits.journal')
  const requests = new Map<string, Remembered>()
  let { visits, entries, spoilt } = await readJournal(path)
  if (spoilt > 0) log.warn('lines of the journal are spoilt, and were passed over', { path, lines: spoilt })
  for (const { id, number } of entries.slice(-mostRequests))
    requests.set(id, { number: Promise.resolve(number), known: number, at: Date.now() })

  let file: FileHandle | undefined
  let size = 0
  let waiting: Waiting[] = []
  let writing: Promise<void> | undefined

  async function writeAnew(): Promise<FileHandle> {
    const lines = [...requests].flatMap(([id, { known }]) => (known === undefined ? [] : [lineOf(known, id)]))
    // The count itself, for when no request is remembered any more.
    const text = lineOf(visits, countLine) + lines.join('')
    const next = await open(`${path}.new`, 'w', 0o600)
    try {
      await next.writeFile(text)
      await next.datasync()
      await rename(`${path}.new`, path)
      await syncFolder(folder)
    } catch (error) {
      await next.close().catch(() => {})
      throw error
    }
    size = Buffer.byteLength(text)
    return next
  }

  async function keep(lines: string): Promise<void> {
    if (file !== undefined && size > largest) await forget()
    file ??= await writeAnew()
    await file.appendFile(lines)
    await file.datasync()
    size += Buffer.byteLength(lines)
  }

  /** What a failed write has left in the file is unknown, so the next one begins with a file of its own. */
  async function forget(): Promise<void> {
    const old = file
    file = undefined
    await old?.close().catch(() => {})
  }

  async function write(): Promise<void> {
    while (waiting.length > 0) {
      const batch = waiting
      waiting = []
      const first = visits + 1
      try {
        await keep(batch.map(({ id }, index) => lineOf(first + index, id)).join(''))
        visits += batch.length
        for (const [index, { id, done }] of batch.entries()) {
          const request = requests.get(id)
          if (request) request.known = first + index
          done.resolve(first + index)
        }
      } catch (error) {
        log.error('visits cannot be written down', { path, error })
        await forget()
        for (const { id, done } of batch) {
          requests.delete(id)
          done.reject(countIsAway())
        }
      }
      forgetRequests(requests)
    }
    // At once, in the turn that found nothing waiting: whoever was answered just now may already bring the next visit.
    writing = undefined
  }

  return {
    add(id) {
      const known = requests.get(id)
      if (known !== undefined) return known.number
      const done = Promise.withResolvers<number>()
      requests.set(id, { number: done.promise, known: undefined, at: Date.now() })
      waiting.push({ id, done })
      writing ??= write()
      return done.promise
    },
    async close() {
      await writing
      await forget()
      await new Promise((resolve) => lock.close(resolve))
    },
  }
}

// --- internal ---

interface Remembered {
  /** Pending while it is being written. */
  readonly number: Promise<number>
  known: number | undefined
  readonly at: number
}

interface Waiting {
  readonly id: string
  readonly done: PromiseWithResolvers<number>
}

/** Requests are remembered for minutes, but no more than these: who repeats one does so at once. */
const mostRequests = 20_000

function forgetRequests(requests: Map<string, Remembered>): void {
  const old = Date.now() - remembered * 1000
  for (const [id, { known, at }] of requests) {
    if (known === undefined || (requests.size <= mostRequests && at > old)) return
    requests.delete(id)
  }
}

/** Stands where a request's id would: the count so far. */
const countLine = '-'

function lineOf(number: number, id: string): string {
  const entry = `${number} ${id}`
  return `${entry} ${crc32(entry).toString(16)}\n`
}

async function readJournal(path: string) {
  const text = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return ''
    throw error
  })
  let visits = 0
  let spoilt = 0
  const entries: { id: string; number: number }[] = []
  for (const line of text.split('\n')) {
    if (line === '') continue
    const [, entry, number, id, sum] = /^((\d{1,16}) (\S+)) ([0-9a-f]{1,8})$/.exec(line) ?? []
    if (entry === undefined || id === undefined || crc32(entry).toString(16) !== sum) {
      spoilt++
      continue
    }
    visits = Math.max(visits, Number(number))
    if (id !== countLine) entries.push({ id, number: Number(number) })
  }
  return { visits, entries, spoilt }
}

/** A rename is on the disk when its folder is. */
async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}

/**
 * Held for as long as the process lives, however it ends: a name that Linux gives once, and that is no file (an abstract
 * unix socket), so nothing of it can be left behind. The folder is known by its inode, not by how its path is written.
 */
async function lockFolder(folder: string): Promise<Server> {
  const { dev, ino } = await stat(folder)
  const lock = createServer((socket) => socket.destroy())
  await new Promise<void>((resolve, reject) => {
    lock.once('error', (error: NodeJS.ErrnoException) =>
      reject(
        error.code === 'EADDRINUSE'
          ? new Error(`${folder} is in use by another process; set REDIS_URL to count with several`)
          : error,
      ),
    )
    lock.listen({ path: `\0gatehouse-visits-${dev}-${ino}` }, resolve)
  })
  lock.unref()
  return lock
}
