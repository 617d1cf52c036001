import type { Count, CountStore, LimitStore } from '../request/policies/context.ts'

/** What time it is in a log that is replayed. Unix milliseconds. */
export interface LogClock {
  now: number
}

/**
 * Counts by the clock of a log: windows begin with the first request of their key, as in memory, and end when the log
 * has come so far. `most` bounds the keys of one policy.
 */
export function replayedLimits(clock: LogClock, most = 100_000): LimitStore {
  const stores = new Map<string, CountStore>()
  return {
    storeFor(name, windowMs) {
      const key = `${name} ${windowMs}`
      const store = stores.get(key) ?? countBy(clock, windowMs, most)
      stores.set(key, store)
      return store
    },
  }
}

// --- internal ---

interface Window {
  totalHits: number
  readonly end: number
}

function countBy(clock: LogClock, windowMs: number, most: number): CountStore {
  let current = new Map<string, Window>()
  let previous = new Map<string, Window>()
  const find = (key: string): Window | undefined => {
    const found = current.get(key) ?? previous.get(key)
    return found !== undefined && found.end > clock.now ? found : undefined
  }
  return {
    increment(key) {
      if (current.size >= most) {
        previous = current
        current = new Map()
      }
      const window = find(key) ?? { totalHits: 0, end: clock.now + windowMs }
      window.totalHits++
      current.set(key, window)
      return countOf(window)
    },
    get(key) {
      const window = find(key)
      return window && countOf(window)
    },
  }
}

function countOf({ totalHits, end }: Window): Count {
  return { totalHits, resetTime: new Date(end) }
}
