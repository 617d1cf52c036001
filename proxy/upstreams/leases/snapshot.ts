import { randomBytes } from 'node:crypto'
import { mkdir, readFile, rename, rm, stat, utimes, writeFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import type { Lease } from './leases.ts'

/** Leases on disk, for the time between the end of one proxy and the first heartbeats to the next. */
export interface Snapshot {
  /** Those that may still be there. A file that is missing or torn holds none. */
  read(): Promise<Lease[]>
  /** Something changed: it is written at once, and what changes within half a second of that is written together. */
  touch(): void
  /** Writes what is not written yet. */
  close(): Promise<void>
}

export interface SnapshotSettings {
  readonly file: string
  leases(): Iterable<Lease>
  failed(sentence: string): void
}

/** Milliseconds between two writes, at the least. */
const writeEvery = 500
/** The time of the file says that its proxy still ran. */
const signOfLifeEvery = 5_000

export function createSnapshot({ file, leases, failed }: SnapshotSettings): Snapshot {
  let timer: NodeJS.Timeout | undefined
  let writtenAt = Number.NEGATIVE_INFINITY
  let writing: Promise<void> = Promise.resolve()
  const alive = setInterval(() => void utimes(file, new Date(), new Date()).catch(() => {}), signOfLifeEvery)
  alive.unref()

  function write(): Promise<void> {
    timer = undefined
    writtenAt = performance.now()
    writing = writing
      .then(() => writeWhole(file, JSON.stringify({ leases: [...leases()] })))
      .catch((error) => {
        failed(`${file} cannot be written, so leases would not outlive a restart: ${error.message}`)
      })
    return writing
  }

  return {
    async read() {
      try {
        const [{ mtimeMs }, text] = await Promise.all([stat(file), readFile(file, 'utf8')])
        const found = (JSON.parse(text) as { leases: Lease[] }).leases
        // By then whoever was there would have gone, and its address may belong to another.
        return found.filter(({ ttl }) => Date.now() - mtimeMs < 2 * ttl)
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'ENOENT')
          failed(`${file} cannot be read, so leases begin anew: ${(error as Error).message}`)
        return []
      }
    },
    touch() {
      timer ??= setTimeout(() => void write(), writtenAt + writeEvery - performance.now()).unref()
    },
    async close() {
      clearInterval(alive)
      if (timer === undefined) return writing
      clearTimeout(timer)
      await write()
    },
  }
}

/** A reader never sees half of it. It tells where services are, so it is for us alone. */
async function writeWhole(file: string, text: string): Promise<void> {
  const draft = `${file}.${randomBytes(4).toString('hex')}`
  await mkdir(dirname(file), { recursive: true })
  try {
    await writeFile(draft, text, { mode: 0o600 })
    await rename(draft, file)
  } catch (error) {
    await rm(draft, { force: true })
    throw error
  }
}
