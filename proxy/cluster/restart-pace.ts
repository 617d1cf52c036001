/**
 * When a worker that ended by itself is replaced. One crash must cost nothing, and a worker that cannot live
 * must not keep a core busy with dying.
 */
export interface RestartPace {
  /** Milliseconds to wait before the next worker, given how long the last one lived. */
  next(livedFor: number): number
}

/** So many in a row at once; then 1 s, doubled each time up to 30 s. A worker that lived a minute ends the row. */
const quick = 5
const longest = 30_000
const longLife = 60_000

export function createRestartPace(): RestartPace {
  let row = 0
  return {
    next(livedFor) {
      row = livedFor >= longLife ? 1 : row + 1
      return row <= quick ? 0 : Math.min(longest, 1000 * 2 ** (row - quick - 1))
    },
  }
}
