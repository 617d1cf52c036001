/**
 * What this browser has recorded and the service does not have whole yet, in IndexedDB: a reload, a crash or a day
 * without a network costs nothing. Chunks stay until the recording is whole over there, so that even a service that
 * lost everything can have it again.
 */
export interface JournalEntry {
  readonly videoId: string
  readonly startedAt: number
  readonly extension: 'webm' | 'mp4'
  readonly chunkSize: number
  /** Chunks that are cut. */
  readonly chunks: number
  readonly bytes: number
  /** Undefined while it is recorded. */
  readonly finished: RecordingFacts | undefined
}

/** What is said about a recording when it ends. */
export interface RecordingFacts {
  /** Seconds, without pauses. */
  readonly duration: number | null
  readonly codec: string
  readonly resolution: string | null
  readonly frame_rate: number | null
  readonly camera_model: string
}

export interface Journal {
  begin(entry: Pick<JournalEntry, 'videoId' | 'extension' | 'chunkSize'>): Promise<void>
  /** Adds what the camera gave, and cuts off the chunks that are full. All of it is kept, or nothing. */
  append(videoId: string, bytes: Uint8Array<ArrayBuffer>): Promise<void>
  /** The rest becomes the last chunk. A recording without a byte goes. */
  finish(videoId: string, facts: RecordingFacts): Promise<void>
  /** The oldest first. */
  list(): Promise<readonly JournalEntry[]>
  chunk(videoId: string, index: number): Promise<ArrayBuffer | undefined>
  remove(videoId: string): Promise<void>
}

/** Rejects where the browser keeps nothing: some do so in private windows. */
export async function openJournal(): Promise<Journal> {
  const db = await openDatabase()

  /** Runs in one transaction over all stores. Nothing but its own requests may be awaited inside. */
  function transact<Answer>(
    work: (stores: Stores) => Promise<Answer>,
    mode: IDBTransactionMode = 'readwrite',
  ) {
    return new Promise<Answer>((resolve, reject) => {
      const transaction = db.transaction(['entries', 'chunks', 'tails'], mode, { durability: 'strict' })
      const store = (name: string) => transaction.objectStore(name)
      const done = work({ entries: store('entries'), chunks: store('chunks'), tails: store('tails') })
      done.catch((error) => {
        reject(error)
        transaction.abort()
      })
      transaction.oncomplete = () => resolve(done)
      transaction.onerror = () => reject(transaction.error)
      transaction.onabort = () => reject(transaction.error ?? new Error('The journal was closed'))
    })
  }

  const entryOf = async ({ entries }: Stores, videoId: string) => {
    const entry = await answer<JournalEntry | undefined>(entries.get(videoId))
    if (!entry) throw new Error(`There is no recording ${videoId}`)
    return entry
  }

  return {
    begin: (entry) =>
      transact(async ({ entries }) => {
        entries.put({ ...entry, startedAt: Date.now(), chunks: 0, bytes: 0, finished: undefined })
      }),
    append: (videoId, bytes) =>
      transact(async (stores) => {
        const entry = await entryOf(stores, videoId)
        const tail = await answer<Uint8Array<ArrayBuffer> | undefined>(stores.tails.get(videoId))
        let rest = joined(tail, bytes)
        let { chunks } = entry
        for (; rest.length >= entry.chunkSize; chunks++) {
          stores.chunks.put(rest.slice(0, entry.chunkSize).buffer, [videoId, chunks])
          rest = rest.slice(entry.chunkSize)
        }
        stores.tails.put(rest, videoId)
        stores.entries.put({ ...entry, chunks, bytes: entry.bytes + bytes.length })
      }),
    finish: (videoId, facts) =>
      transact(async (stores) => {
        const entry = await entryOf(stores, videoId)
        const tail = await answer<Uint8Array<ArrayBuffer> | undefined>(stores.tails.get(videoId))
        const hasRest = tail !== undefined && tail.length > 0
        if (hasRest) stores.chunks.put(tail.slice().buffer, [videoId, entry.chunks])
        stores.tails.delete(videoId)
        const chunks = entry.chunks + (hasRest ? 1 : 0)
        if (chunks === 0) stores.entries.delete(videoId)
        else stores.entries.put({ ...entry, chunks, finished: facts })
      }),
    list: async () => {
      const all = await transact(({ entries }) => answer<JournalEntry[]>(entries.getAll()), 'readonly')
      return all.toSorted((one, other) => one.startedAt - other.startedAt)
    },
    chunk: (videoId, index) =>
      transact(({ chunks }) => answer<ArrayBuffer | undefined>(chunks.get([videoId, index])), 'readonly'),
    remove: (videoId) =>
      transact(async (stores) => {
        stores.entries.delete(videoId)
        stores.tails.delete(videoId)
        stores.chunks.delete(IDBKeyRange.bound([videoId, 0], [videoId, Number.MAX_SAFE_INTEGER]))
      }),
  }
}

// --- internal ---

type Stores = Readonly<Record<'entries' | 'chunks' | 'tails', IDBObjectStore>>

function openDatabase(): Promise<IDBDatabase> {
  const request = indexedDB.open('camera', 1)
  request.onupgradeneeded = () => {
    request.result.createObjectStore('entries', { keyPath: 'videoId' })
    request.result.createObjectStore('chunks')
    request.result.createObjectStore('tails')
  }
  return answer(request)
}

function answer<Answer>(request: IDBRequest<Answer>): Promise<Answer> {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result)
    request.onerror = () => reject(request.error)
  })
}

function joined(tail: Uint8Array | undefined, bytes: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> {
  if (tail === undefined || tail.length === 0) return bytes
  const both = new Uint8Array(tail.length + bytes.length)
  both.set(tail)
  both.set(bytes, tail.length)
  return both
}
