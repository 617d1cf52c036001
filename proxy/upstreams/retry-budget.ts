/**
 * How many exchanges may be sent to a second target after the first has had them. An upstream that fails under its
 * load would otherwise get up to three times as much of it, and could never come back. What never reached a target
 * is no load, and needs no leave.
 */
export interface RetryBudget {
  /** An exchange was sent. */
  earn(): void
  /** Answers whether one may be repeated, and takes it from what is left. */
  spend(): boolean
}

/** What is there at first, so that the rare failure of a quiet upstream is always made good. */
const atFirst = 10
/** What may be saved up: a burst of failures is no reason to hold back. */
const most = 100

/** `share`: so many repeats for each exchange, from 0 to 1. */
export function createRetryBudget(share: number): RetryBudget {
  let left = share === 0 ? 0 : atFirst
  return {
    earn() {
      if (left < most) left = Math.min(most, left + share)
    },
    spend() {
      if (left < 1) return false
      left--
      return true
    },
  }
}
