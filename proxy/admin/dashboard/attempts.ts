/** How often a password may be tried. */
export interface Attempts {
  /** Takes one, before the password is looked at. Answers 0, or the seconds until there is another. */
  take(): number
  /** The password was right: what it took is given back. */
  succeeded(): void
}

/**
 * So many at once, and one more each so many milliseconds: for all who try together, because behind loopback and
 * `ssh -L` everybody has the same address. A password of the first start has 79 bits; at this pace it outlasts the sun.
 */
export function createAttempts(most = 8, refill = 6_000): Attempts {
  let left = most
  let countedAt = performance.now()
  return {
    take() {
      const now = performance.now()
      const come = Math.floor((now - countedAt) / refill)
      left = Math.min(most, left + come)
      countedAt = left === most ? now : countedAt + come * refill
      if (left === 0) return Math.max(1, Math.ceil((countedAt + refill - now) / 1000))
      left--
      return 0
    },
    succeeded() {
      left = Math.min(most, left + 1)
    },
  }
}
