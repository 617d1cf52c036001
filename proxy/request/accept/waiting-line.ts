/**
 * The line in front of a core that has more to do than time.
 *
 * A process with one thread always has such a line, only that nobody sees it: sockets that can be read and have not
 * been, and connections that have not been taken. All that is ready is dealt with in one turn of the event loop,
 * and one new connection a turn is accepted, so where requests cost much, a turn takes a second and the connections
 * behind it wait for minutes. Here it is a list. As long as the loop is on time nothing is ever in it. When it is
 * late, requests are read and put in line, which costs little, and begun some at a time, so that turns stay short.
 *
 * What has waited longer than the limit is refused when its turn comes: nobody gains by an answer that comes after
 * the client has given up. A line that has not been empty for as long as the limit will not become so by itself,
 * and then all that a longer one does is to serve everybody later, so the limit falls to a quarter. (The rule is
 * that of CoDel, RFC 8289, in the form that suits servers.)
 *
 * A single pause, be it a garbage collection or a reload, refuses nobody: what piled up is dealt with in order.
 */
export interface WaitingLine {
  /**
   * Answers undefined if there is no line, and a few nanoseconds are spent. Otherwise true when it is its turn, or
   * false if that came too late. `now`: by `performance.now()`.
   */
  join(now: number): Promise<boolean> | undefined
  /** Milliseconds by which the event loop was late a moment ago. */
  readonly delay: number
  close(): void
}

/** What a line needs of its surroundings. */
export interface Clock {
  now(): number
  every(milliseconds: number, tick: () => void): { close(): void }
  /** Once, after what is ready now. */
  soon(next: () => void): void
}

/** The loop is looked at this often. Milliseconds: less costs wake-ups of an idle process, more is coarse. */
const tickEvery = 20
/** By so much a tick may be late before requests are put in line. */
const slack = 10
/** In each turn the line gets as much time as all the rest took, and at least this. Milliseconds. */
const leastShare = 1
const standingShare = 1 / 4

/** `limit`: milliseconds; 0 is none. */
export function createWaitingLine(limit: () => number, clock: Clock = processClock): WaitingLine {
  const line: { readonly since: number; readonly resolve: (inTime: boolean) => void }[] = []
  let tickedAt = clock.now()
  let delay = 0
  let standingSince = 0
  let pausedAt = 0
  const ticking = clock.every(tickEvery, () => {
    const now = clock.now()
    delay = Math.max(0, now - tickedAt - tickEvery)
    tickedAt = now
  })

  const patience = (now: number): number => {
    const most = limit()
    if (most === 0) return Number.POSITIVE_INFINITY
    return now - standingSince > most ? most * standingShare : most
  }

  const serve = async (): Promise<void> => {
    const began = clock.now()
    const until = began + Math.max(leastShare, began - pausedAt)
    for (let now = began; line.length > 0 && now < until; now = clock.now()) {
      const { since, resolve } = line.shift() as (typeof line)[number]
      resolve(now - since <= patience(now))
      // What it begins, it begins before this goes on, so that its cost is seen.
      await undefined
    }
    pausedAt = clock.now()
    if (line.length > 0) clock.soon(serve)
  }

  return {
    join(now) {
      if (line.length === 0) {
        if (now - tickedAt <= tickEvery + slack) return undefined
        standingSince = now
        pausedAt = now
        clock.soon(serve)
      }
      return new Promise((resolve) => line.push({ since: now, resolve }))
    },
    get delay() {
      return delay
    },
    close: () => ticking.close(),
  }
}

const processClock: Clock = {
  now: () => performance.now(),
  every: (milliseconds, tick) => setInterval(tick, milliseconds).unref(),
  soon: (next) => void setImmediate(next),
}
