/**
 * Whether the event loop is too late to begin anything more.
 *
 * A process with one thread has one queue, and it cannot be seen: what waits are sockets that can be read and have
 * not been. How long they wait is how long a turn of the loop takes, because all that is ready is dealt with in
 * one turn, however much that is. So a turn that takes too long is not finished: what came first in it is begun,
 * and the rest is refused, which costs little and ends the turn. The next turn is short again, and nothing waits
 * longer than about two of them, at any load.
 *
 * One long turn refuses nobody. It may be a garbage collection, a reload, or a machine that slept, and what it
 * left behind is gone a turn later. Two in a row are more work than there is time for. From then on, and until a
 * second has passed without a refusal, a turn is closed after a quarter of the limit: with a queue that never
 * empties, a longer one serves nobody more and everybody later.
 */
export interface Lateness {
  /** Called as often as `tickEvery` says, as far as the loop allows. All times by `performance.now()`. */
  tick(now: number): void
  /** Whether what begins now has to be refused. */
  tooLate(now: number): boolean
  /** The time up to now went into work of our own. It is not held against the clients. */
  excuse(now: number): void
  /** Milliseconds by which the last tick was late. */
  readonly last: number
}

/** Milliseconds. Less costs wake-ups of an idle process, more makes the measure coarse. */
export const tickEvery = 20
/** How long a refusal is remembered. Milliseconds. */
const memory = 1000
const strainedShare = 1 / 4

/** `limit`: milliseconds; 0 is none. */
export function createLateness(limit: () => number, now: number): Lateness {
  let tickedAt = now
  let refusedAt = Number.NEGATIVE_INFINITY
  let closesAt = Number.POSITIVE_INFINITY
  let last = 0

  const openTurn = (at: number, wasLong: boolean): void => {
    tickedAt = at
    const most = limit()
    if (most === 0) closesAt = Number.POSITIVE_INFINITY
    else if (at - refusedAt < memory) closesAt = at + tickEvery + most * strainedShare
    else closesAt = wasLong ? at + tickEvery + most : Number.POSITIVE_INFINITY
  }

  return {
    tick(at) {
      last = Math.max(0, at - tickedAt - tickEvery)
      openTurn(at, last > limit())
    },
    tooLate(at) {
      if (at <= closesAt) return false
      refusedAt = at
      return true
    },
    excuse: (at) => openTurn(at, false),
    get last() {
      return last
    },
  }
}
