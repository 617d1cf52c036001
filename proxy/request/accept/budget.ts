/** An allowance that is spent in bursts and grows back with time. */
export interface Budget {
  /** Whether `cost` could still be afforded. */
  spend(cost?: number): boolean
}

/** A budget of `burst`, which grows back by `perSecond`. */
export function createBudget(burst: number, perSecond: number): Budget {
  let left = burst
  let at = performance.now()
  return {
    spend(cost = 1) {
      const now = performance.now()
      left = Math.min(burst, left + ((now - at) * perSecond) / 1000)
      at = now
      left -= cost
      return left >= 0
    },
  }
}
