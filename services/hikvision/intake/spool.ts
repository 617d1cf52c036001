import { type FileHandle, mkdir, open, readdir, readFile, rename, rm, statfs } from 'node:fs/promises'
import { join } from 'node:path'
import type { Logger } from '../../shared/logger.ts'
import { rarely } from '../../shared/metrics.ts'
import { syncFolder } from '../../shared/sync-folder.ts'
import { type FairQueue, fairQueue } from './fair-queue.ts'
import { type Arrival, decodeRecord, encodeRecord, scanSegment } from './segment.ts'

export interface SpoolSettings {
  /** Made if it is not there. One process at a time. */
  readonly folder: string
  /** Bytes of events that may wait. */
  readonly limit: number
  /** Bytes of the disk that stay free for others. Default: 0. */
  readonly reserve?: number
  /** Bytes after which a new file is begun. Default: 32 MiB. */
  readonly segmentSize?: number
  readonly log: Logger
}

/** An event that is safe on disk and waits to be read. */
export interface Waiting {
  readonly arrival: Arrival
  readonly body: Buffer
}

export interface Spool {
  /** Resolves when the event is on the disk, so that no kill and no power cut loses it. Rejects with a SpoolFull, or as the disk does. */
  append(arrival: Arrival, body: Buffer): Promise<void>
  /** The next events, each address in its turn. Waits until there is one; undefined once the spool is closed. */
  take(count: number): Promise<Waiting[] | undefined>
  /** These are dealt with. What is not is handed out again after a restart. */
  done(events: readonly Waiting[]): Promise<void>
  /** What waits. `oldest`: when the event came that came first; undefined without any. */
  readonly usage: { readonly events: number; readonly bytes: number; readonly oldest: number | undefined }
  close(): Promise<void>
}

/** Whose events are too many: one address has filled its share, or all of them the disk queue, or the disk. */
export class SpoolFull extends Error {
  override readonly name = 'SpoolFull'
}

/** One address may fill so much of the spool: whoever floods it leaves room for the others. */
const share = 1 / 4
/** Events that may wait, whatever their size: each has some 150 bytes of this process. */
const mostEvents = 1_000_000
/** A write is no longer than this, so that whoever waits for it does not wait for all. */
const batch = { records: 256, bytes: 8 << 20 }

/**
 * The queue between devices and the database: files that are only ever appended to. Many events share one write and one
 * fdatasync, which is why a busy listener is not slower than a calm one. A file goes when all its events are dealt with.
 */
export async function openSpool({
  folder,
  limit,
  reserve = 0,
  segmentSize = 32 << 20,
  log,
}: SpoolSettings): Promise<Spool> {
  await mkdir(folder, { recursive: true })
  const queue: FairQueue<Place> = fairQueue()
  const held = new Map<string, number>()
  const places = new WeakMap<Waiting, Place>()
  /** In the order in which they came, which the queue does not keep. */
  const unfinished = new Set<Place>()
  const requests: Request[] = []
  const segments = new Set<Segment>()
  let bytes = 0
  let events = 0
  let current: Segment | undefined
  let writing: Promise<void> | undefined
  let closed = false
  let arrived = Promise.withResolvers<void>()

  function enqueue(segment: Segment, start: number, size: number, arrival: Arrival): void {
    segment.waiting += 1
    const place = { segment, start, size, address: arrival.from, at: arrival.at }
    unfinished.add(place)
    queue.push(arrival.from, arrival.hint, place)
    arrived.resolve()
  }

  function hold(address: string, size: number): void {
    const sum = (held.get(address) ?? 0) + size
    if (sum > 0) held.set(address, sum)
    else held.delete(address)
    bytes += size
    events += Math.sign(size)
  }

  async function recover(): Promise<void> {
    const files = (await readdir(folder)).filter((file) => file.endsWith('.spool')).sort()
    for (const file of files) {
      const path = join(folder, file)
      const content = await readFile(path)
      const { records, torn, damaged } = scanSegment(content)
      const segment: Segment = { path, handle: await open(path, 'r'), end: content.length, waiting: 0 }
      segments.add(segment)
      for (const { start, size } of records) {
        const { arrival } = decodeRecord(content.subarray(start, start + size))
        hold(arrival.from, size)
        enqueue(segment, start, size, arrival)
      }
      if (damaged > 0) {
        segment.keepAs = `${path}.damaged`
        log.error('a file of the spool is damaged; what can be read of it is, and the file is kept', {
          file: segment.keepAs,
          bytes: damaged,
        })
      } else if (torn > 0)
        log.info('an event was half written when the service ended; nobody was told it was safe', {
          bytes: torn,
        })
      if (records.length === 0) await discard(segment)
    }
  }

  async function write(): Promise<void> {
    while (requests.length > 0) {
      const now = takeBatch(requests)
      try {
        current ??= await begin(folder)
        const segment = current
        segments.add(segment)
        const buffers = now.flatMap(({ record }) => record)
        const { bytesWritten } = await segment.handle.writev(buffers, segment.end)
        if (bytesWritten < sum(now)) throw new Error('the disk took only a part of what was written')
        await segment.handle.datasync()
        for (const { size, arrival, settle } of now) {
          enqueue(segment, segment.end, size, arrival)
          segment.end += size
          settle.resolve()
        }
        if (segment.end > segmentSize) seal()
      } catch (error) {
        // What lies behind the last whole record is no record; the next one goes into another file.
        seal()
        for (const { arrival, size, settle } of now) {
          hold(arrival.from, -size)
          settle.reject(error)
        }
      }
    }
    writing = undefined
  }

  function seal(): void {
    const segment = current
    current = undefined
    if (segment?.waiting === 0) void discard(segment).catch(complain)
  }

  /** Undefined if the disk does not give it back: then its file is kept for somebody to look at. */
  async function readBack(place: Place): Promise<Waiting | undefined> {
    const { segment, start, size } = place
    try {
      const { buffer } = await segment.handle.read({ buffer: Buffer.allocUnsafe(size), position: start })
      const waiting = decodeRecord(buffer)
      places.set(waiting, place)
      return waiting
    } catch (error) {
      if (closed) return undefined
      segment.keepAs = `${segment.path}.damaged`
      log.error('an event cannot be read back; its file is kept', { file: segment.keepAs, error })
      await release(place)
      return undefined
    }
  }

  async function release(place: Place): Promise<void> {
    const { segment, address, size } = place
    unfinished.delete(place)
    hold(address, -size)
    segment.waiting -= 1
    if (segment.waiting > 0) return
    if (segment !== current) await discard(segment).catch(complain)
    // A file of which nothing waits is no work for the next start.
    else if (writing === undefined && segment.end > segmentSize / 32) seal()
  }

  async function discard(segment: Segment): Promise<void> {
    segments.delete(segment)
    await segment.handle.close()
    const { path, keepAs } = segment
    await (keepAs === undefined ? rm(path, { force: true }) : rename(path, keepAs))
  }

  const complain = (error: unknown) => log.warn('a file of the spool cannot be removed', { error })

  const free = rarely(async () => {
    const { bavail, bsize } = await statfs(folder)
    return bavail * bsize
  })

  await recover()
  return {
    usage: {
      get events() {
        return events
      },
      get bytes() {
        return bytes
      },
      get oldest() {
        return unfinished.values().next().value?.at
      },
    },
    async append(arrival, body) {
      // What waits is written once more when it is read: its pictures, and what nobody understands.
      if (reserve > 0 && (await free()) - bytes < reserve) throw new SpoolFull('the disk is nearly full')
      const record = encodeRecord(arrival, body)
      const size = record.reduce((total, part) => total + part.length, 0)
      if (closed) throw new SpoolFull('the service is stopping')
      if (bytes + size > limit || events >= mostEvents) throw new SpoolFull('the queue on disk is full')
      if ((held.get(arrival.from) ?? 0) + size > limit * share)
        throw new SpoolFull(`${arrival.from} has filled its share of the queue on disk`)
      hold(arrival.from, size)
      const settle = Promise.withResolvers<void>()
      requests.push({ record, size, arrival, settle })
      writing ??= write()
      return settle.promise
    },
    async take(count) {
      while (queue.length === 0 && !closed) {
        arrived = Promise.withResolvers()
        await arrived.promise
      }
      if (closed) return undefined
      const read = await Promise.all(queue.take(count).map(readBack))
      return read.filter((waiting) => waiting !== undefined)
    },
    async done(finished) {
      // The files are closed; what is dealt with already is found out at the next start.
      if (closed) return
      for (const waiting of finished) {
        const place = places.get(waiting)
        if (place === undefined || !places.delete(waiting)) continue
        await release(place)
      }
    },
    async close() {
      closed = true
      arrived.resolve()
      await writing
      await Promise.all([...segments].map(({ handle }) => handle.close()))
      segments.clear()
    },
  }
}

// --- internal ---

interface Segment {
  readonly path: string
  readonly handle: FileHandle
  /** Bytes of whole records. */
  end: number
  /** Its events that are not dealt with. */
  waiting: number
  /** Set if it must not be thrown away. */
  keepAs?: string
}

interface Place {
  readonly segment: Segment
  readonly start: number
  readonly size: number
  readonly address: string
  /** When it came. */
  readonly at: number
}

interface Request {
  readonly record: Buffer[]
  readonly size: number
  readonly arrival: Arrival
  readonly settle: PromiseWithResolvers<void>
}

function takeBatch(requests: Request[]): Request[] {
  let size = 0
  const end = requests.findIndex((request, at) => {
    size += request.size
    return at > 0 && (at >= batch.records || size > batch.bytes)
  })
  return requests.splice(0, end < 0 ? requests.length : end)
}

function sum(requests: readonly Request[]): number {
  return requests.reduce((total, { size }) => total + size, 0)
}

let made = 0

async function begin(folder: string): Promise<Segment> {
  made += 1
  const name = `${Date.now()}-${process.pid}-${String(made).padStart(6, '0')}.spool`
  const path = join(folder, name)
  const handle = await open(path, 'wx+', 0o600)
  // The file's name, too, must survive a power cut.
  await syncFolder(folder)
  return { path, handle, end: 0, waiting: 0 }
}
