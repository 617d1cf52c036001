import { copyFile, type FileHandle, mkdir, open, rename } from 'node:fs/promises'
import { join } from 'node:path'
import type { Logger } from '../shared/logger.ts'
import { syncFolder } from '../shared/sync-folder.ts'
import { type Counter, countIsAway, remembered } from './counter.ts'
import { lockFolder } from './folder-lock.ts'
import { countLine, lineOf, readJournal } from './journal-lines.ts'

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
  const unlock = await lockFolder(folder, 'visits')
  if (unlock === undefined)
    throw new Error(`${folder} is in use by another process; set REDIS_URL to count with several`)
  const path = join(folder, 'visits.journal')
  const requests = new Map<string, Remembered>()
  const { entries, spoilt, ...read } = await readJournal(path).catch(async (error) => {
    await unlock()
    throw error
  })
  let { visits } = read
  if (spoilt > 0) {
    // It is written anew soon, without them.
    await copyFile(path, `${path}.spoilt`)
    log.warn('lines of the journal are spoilt, and were passed over', {
      kept: `${path}.spoilt`,
      lines: spoilt,
    })
  }
  for (const { id, number } of entries.slice(-mostRequests))
    requests.set(id, { number: Promise.resolve(number), known: number, at: Date.now() })

  let file: FileHandle | undefined
  let size = 0
  let isKept = true
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
        isKept = true
        for (const [index, { id, done }] of batch.entries()) {
          const request = requests.get(id)
          if (request) request.known = first + index
          done.resolve(first + index)
        }
      } catch (error) {
        isKept = false
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
    canKeep: () => isKept,
    async close() {
      await writing
      await forget()
      await unlock()
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
