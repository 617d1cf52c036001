import type { Count, CountStore, LimitStore } from '../request/policies/context.ts'
import { boundKeys, type Generations, mostKeys, storeByPolicy } from '../request/policies/limit-store.ts'

/** What time it is in a log that is replayed. Unix milliseconds. */
export interface LogClock {
  now: number
}

/**
 * Counts by the clock of a log: windows begin with the first request of their key, as in memory, and end when the log
 * has come so far. `most` bounds the keys of one policy.
 */
export function replayedLimits(clock: LogClock, most = mostKeys): LimitStore {
  return storeByPolicy((windowMs) => countBy(clock, windowMs, most))
}

// --- internal ---

interface Window {
  totalHits: number
  readonly end: number
}

function countBy(clock: LogClock, windowMs: number, most: number): CountStore {
  const windows: Generations<Window> = { current: new Map(), previous: new Map() }
  const find = (key: string): Window | undefined => {
    const found = windows.current.get(key) ?? windows.previous.get(key)
    return found !== undefined && found.end > clock.now ? found : undefined
  }
  return {
    increment(key) {
      boundKeys(windows, most)
      const window = find(key) ?? { totalHits: 0, end: clock.now + windowMs }
      window.totalHits++
      windows.current.set(key, window)
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
