import { type FileHandle, open } from 'node:fs/promises'
import { type LoggedExchange, parseLoggedExchange, placesFromEnd } from '../observability/logged-exchange.ts'

/** An exchange of a log, and when it began: Unix milliseconds. */
export interface BegunExchange {
  readonly logged: LoggedExchange
  readonly began: number
  /** It stands before those that were asked for. */
  readonly isRunUp: boolean
}

export interface LastExchangesSettings {
  /** At most so many, the last ones. */
  readonly last: number
  /** And before them those of so many milliseconds, but no more than a hundred thousand: a limit counts them, too. */
  readonly runUp: number
  onUnread(): void
}

/**
 * The last exchanges of some access logs together, in the order in which they began. Files are read twice: from their
 * ends, to see where to begin, and from there. So memory does not grow with how many are asked for. A line is written
 * when its exchange has ended: one that lasted while thousands of others came and went is told late.
 */
export async function* lastExchanges(
  files: readonly string[],
  { last, runUp, onUnread }: LastExchangesSettings,
): AsyncGenerator<BegunExchange> {
  const handles = await Promise.all(files.map((file) => open(file, 'r')))
  try {
    const parts = await findParts(handles, { last, runUp, onUnread })
    yield* sorted(merged(parts.map((part) => exchangesOf(part, onUnread))))
  } finally {
    await Promise.all(handles.map((handle) => handle.close()))
  }
}

// --- internal ---

const mostRunUp = 100_000

interface Part {
  readonly handle: FileHandle
  /** Bytes: where the run-up begins, and where it is over. */
  start: number
  asked: number
  readonly end: number
}

/** Where the last exchanges of all files begin in each of them. Files that have none are left out. */
async function findParts(
  handles: readonly FileHandle[],
  { last, runUp, onUnread }: LastExchangesSettings,
): Promise<Part[]> {
  const readers = await Promise.all(
    handles.map(async (handle) => {
      const end = (await handle.stat()).size
      return { part: { handle, start: end, asked: end, end }, places: placesFromEnd(handle, end), skipped: 0 }
    }),
  )
  const heads = await Promise.all(readers.map(timed))
  let earliest = Number.NEGATIVE_INFINITY
  for (let found = 0; found < last + mostRunUp; found++) {
    const newest = heads.reduce((best, head, at) => (isNewer(head, heads[best]) ? at : best), 0)
    const head = heads[newest]
    const reader = readers[newest]
    if (head === undefined || reader === undefined || head.time < earliest) break
    reader.part.start = head.offset
    if (found < last) reader.part.asked = head.offset
    if (found === last - 1) earliest = runUp === 0 ? Number.POSITIVE_INFINITY : head.time - runUp / 1000
    heads[newest] = await timed(reader)
  }
  await Promise.all(readers.map(({ places }) => places.return(undefined)))
  // Of a file that has none, no line is read again.
  for (const { part, skipped } of readers)
    if (part.start === part.end) for (let line = 0; line < skipped; line++) onUnread()
  return readers.map(({ part }) => part).filter(({ start, end }) => start < end)
}

interface TimedPlace {
  readonly offset: number
  readonly time: number
}

function isNewer(one: TimedPlace | undefined, other: TimedPlace | undefined): boolean {
  return one !== undefined && (other === undefined || one.time > other.time)
}

interface Reader {
  readonly places: ReturnType<typeof placesFromEnd>
  /** Lines that are none of ours, so far. */
  skipped: number
}

/** The next line that looks like one of ours. */
async function timed(reader: Reader): Promise<TimedPlace | undefined> {
  for (;;) {
    const { value, done } = await reader.places.next()
    if (done === true) return undefined
    // It stands near the beginning of a line.
    const time = /"ts": ?(\d+(?:\.\d+)?)/.exec(value.line.toString('latin1', 0, 100))?.[1]
    if (time !== undefined) return { offset: value.offset, time: Number(time) }
    reader.skipped++
  }
}

async function* exchangesOf(
  { handle, start, asked, end }: Part,
  onUnread: () => void,
): AsyncGenerator<BegunExchange> {
  for (const [from, until, isRunUp] of [
    [start, asked, true],
    [asked, end, false],
  ] as const) {
    if (from === until) continue
    for await (const line of handle.readLines({ start: from, end: until - 1, autoClose: false })) {
      if (line === '') continue
      const logged = parseLoggedExchange(line)
      if (logged !== undefined) yield { logged, began: (logged.ts - (logged.duration ?? 0)) * 1000, isRunUp }
      else if (!isRunUp) onUnread()
    }
  }
}

/** Always the one that ended first. */
async function* merged(sources: AsyncGenerator<BegunExchange>[]): AsyncGenerator<BegunExchange> {
  if (sources.length === 1) return yield* sources[0] as AsyncGenerator<BegunExchange>
  const heads = await Promise.all(sources.map((source) => source.next()))
  for (;;) {
    let first = -1
    for (const [at, { value, done }] of heads.entries()) {
      if (done === true) continue
      const best = heads[first]?.value as BegunExchange | undefined
      if (best === undefined || value.logged.ts < best.logged.ts) first = at
    }
    const head = heads[first]
    if (head === undefined) return
    yield head.value as BegunExchange
    heads[first] = await (sources[first] as AsyncGenerator<BegunExchange>).next()
  }
}

/** So many exchanges may begin while one lasts, and it is still told in its place. */
const mostBeside = 4_096

async function* sorted(exchanges: AsyncGenerator<BegunExchange>): AsyncGenerator<BegunExchange> {
  const waiting: BegunExchange[] = []
  const sort = () => waiting.sort((a, b) => a.began - b.began)
  for await (const exchange of exchanges) {
    waiting.push(exchange)
    if (waiting.length < 2 * mostBeside) continue
    sort()
    yield* waiting.splice(0, mostBeside)
  }
  yield* sort()
}
