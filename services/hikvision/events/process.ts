import { setTimeout as sleep } from 'node:timers/promises'
import { type Database, isAway } from '../../shared/database.ts'
import type { Logger } from '../../shared/logger.ts'
import type { Spool, Waiting } from '../intake/spool.ts'
import { stored as storedEvents } from '../metrics.ts'
import { type PrepareSettings, prepare, prepareRaw, type StoredReading } from './prepare.ts'
import { type Stored, storeReadings } from './store.ts'

export interface ProcessSettings extends PrepareSettings {
  readonly spool: Spool
  readonly database: Database
  readonly log: Logger
  /** Told of what is in the database now. */
  onStored(stored: Stored): Promise<void> | void
}

export interface Processing {
  /** Resolves when the batch under way is done. */
  stop(): Promise<void>
}

/** Events that are read and stored together. */
const batch = 64
/** Most of what they tell that goes in at once: a question that takes too long is taken for a database that is away. */
const mostReadings = 1_000
/** Milliseconds between attempts while the database is away. */
const [firstPause, longestPause] = [250, 5_000]

/** Reads what lies in the spool and puts it into the database, for as long as the service runs. */
export function processEvents(settings: ProcessSettings): Processing {
  const { spool, database, log } = settings
  const prepared = new WeakMap<Waiting, Promise<StoredReading[]>>()
  let stopping = false

  /** Its files need not be written again for each attempt at the database. */
  function prepareOnce(waiting: Waiting): Promise<StoredReading[]> {
    const reading = prepared.get(waiting) ?? prepare(waiting, settings)
    prepared.set(waiting, reading)
    reading.catch(() => prepared.delete(waiting))
    return reading
  }

  async function run(): Promise<void> {
    while (!stopping) {
      const waiting = await spool.take(batch)
      if (waiting === undefined) return
      const stored = await untilStored(waiting)
      if (stored === undefined) return
      for (const kind of stored.kinds) storedEvents.add({ kind })
      await spool.done(waiting)
      try {
        await settings.onStored(stored)
      } catch (error) {
        log.warn('what follows on an event failed', { error })
      }
    }
  }

  /** Tries until the database has them. Undefined if the service stops first; then the spool has them still. */
  async function untilStored(waiting: readonly Waiting[]): Promise<Stored | undefined> {
    for (let failures = 0; ; failures += 1) {
      try {
        return await store(waiting)
      } catch (error) {
        if (failures === 0) log.error('events cannot be stored; they wait on the disk', { error })
        if (stopping) return undefined
        await sleep(Math.min(longestPause, firstPause * 2 ** failures), undefined, { ref: false })
        if (stopping) return undefined
      }
    }
  }

  /** One event that cannot be stored must not hold up those around it: they are tried one by one. */
  async function store(waiting: readonly Waiting[]): Promise<Stored> {
    const readings = (await Promise.all(waiting.map(prepareOnce))).flat()
    if (readings.length > mostReadings && waiting.length > 1) return joined(await each(waiting))
    try {
      return await storeReadings(database, readings)
    } catch (error) {
      if (isAway(error) || isOfTheDisk(error)) throw error
      if (waiting.length > 1) return joined(await each(waiting))
      const [only] = waiting as [Waiting]
      log.error('an event does not fit the database; it is kept raw', { from: only.arrival.from, error })
      const why = `does not fit the database: ${(error as Error).message.slice(0, 200)}`
      return storeReadings(database, [await prepareRaw(only, why, settings)])
    }
  }

  async function each(waiting: readonly Waiting[]): Promise<Stored[]> {
    const all: Stored[] = []
    for (const one of waiting) all.push(await store([one]))
    return all
  }

  const running = run().catch((error) => log.error('events are no longer read', { error }))
  return {
    stop() {
      stopping = true
      return running
    },
  }
}

// --- internal ---

function joined(all: readonly Stored[]): Stored {
  return {
    ids: all.flatMap(({ ids }) => ids),
    kinds: all.flatMap(({ kinds }) => kinds),
    devices: new Map(all.flatMap(({ devices }) => [...devices])),
  }
}

/** A disk that is full empties again; errors of the file system have a number, those of Postgres have not. */
function isOfTheDisk(error: unknown): boolean {
  return typeof (error as NodeJS.ErrnoException).errno === 'number'
}
