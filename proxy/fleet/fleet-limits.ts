import type { Count, CountStore, LimitStore } from '../request/policies/context.ts'
import type { Redis } from './redis.ts'

/** Where a count was made: in Redis for the fleet, here because it is away, or nowhere, as the limit was passed. */
export type CountedBy = 'redis' | 'here' | 'known'

export interface FleetLimitsSettings {
  readonly redis: () => Redis
  readonly prefix: string
  /** The share of each limit that this proxy gives out alone. */
  share(): number
  counted(by: CountedBy): void
}

/** One window of one key. */
interface Window {
  /** Unix ms. */
  endsAt: number
  /** Hits here, and how many of them Redis was told of. */
  hits: number
  told: number
  /** Hits of the whole fleet, as Redis said last. */
  total: number
}

/** Redis has not answered by then: counted here. Milliseconds. */
const patience = 500
/** Then it is not asked for so long, so that not every client waits in vain. */
const pause = 1_000
/** A window that ends within it may have ended in Redis already, and says nothing about the next. */
const edge = 50
const mostWindows = 100_000

/**
 * Limits of the whole fleet: every hit is counted in Redis, those of one key and turn of the event loop together, and
 * what is past its limit is refused without asking again. While Redis is away each proxy gives out its share; what was
 * counted meanwhile is told when it is back, and a Redis that forgot is reminded of what was known.
 */
export function fleetLimits({ redis, prefix, share, counted }: FleetLimitsSettings): LimitStore {
  const windows = new Map<string, Window>()
  let pending = new Map<string, Pending>()
  let askAgainAt = 0

  function windowOf(key: string, windowMs: number): Window {
    const known = windows.get(key)
    const now = Date.now()
    if (known !== undefined && known.endsAt > now) return known
    if (known === undefined && windows.size >= mostWindows) forget(windows, now)
    const window = { endsAt: now + windowMs, hits: 0, told: 0, total: 0 }
    windows.set(key, window)
    return window
  }

  function countHere(window: Window): Count {
    counted('here')
    const known = window.total + window.hits - window.told
    return {
      totalHits: Math.max(Math.ceil(window.hits / share()), known),
      resetTime: new Date(window.endsAt),
    }
  }

  function enqueue(key: string, window: Window, windowMs: number): Promise<Count> {
    if (pending.size === 0) setImmediate(flush)
    const each = pending.get(key) ?? { window, windowMs, resolves: [] }
    pending.set(key, each)
    return new Promise((resolve) => each.resolves.push(resolve))
  }

  function flush(): void {
    const all = pending
    pending = new Map()
    for (const [key, each] of all) void ask(key, each)
  }

  async function ask(key: string, { window, windowMs, resolves }: Pending): Promise<void> {
    const more = window.hits - window.told
    const left = window.endsAt - Date.now()
    const known = left > edge ? window.total : 0
    window.told += more
    try {
      const answer = redis().count(`${prefix}${key}`, more, known > 0 ? left : windowMs, known)
      const [total, stillLeft] = await within(answer, patience)
      window.total = Math.max(window.total, total)
      window.endsAt = Date.now() + stillLeft
      const resetTime = new Date(window.endsAt)
      resolves.forEach((resolve, at) => {
        counted('redis')
        resolve({ totalHits: total - resolves.length + 1 + at, resetTime })
      })
    } catch {
      // It may have been counted: then it is counted twice, which is on the safe side.
      window.told -= more
      askAgainAt = Date.now() + pause
      for (const resolve of resolves) resolve(countHere(window))
    }
  }

  return {
    storeFor(name, windowMs, limit = Number.POSITIVE_INFINITY): CountStore {
      return {
        increment(hit) {
          const key = `count:${name}:${windowMs}:${hit}`
          const window = windowOf(key, windowMs)
          window.hits++
          if (window.total > limit) {
            counted('known')
            return { totalHits: window.total + 1, resetTime: new Date(window.endsAt) }
          }
          if (!redis().there || Date.now() < askAgainAt) return countHere(window)
          return enqueue(key, window, windowMs)
        },
      }
    },
  }
}

interface Pending {
  readonly window: Window
  readonly windowMs: number
  readonly resolves: ((count: Count) => void)[]
}

/** What has ended; and if that is nothing, the half that began first: many addresses must not fill the memory. */
function forget(windows: Map<string, Window>, now: number): void {
  for (const [key, { endsAt }] of windows) if (endsAt <= now) windows.delete(key)
  if (windows.size < mostWindows) return
  for (const key of windows.keys()) {
    windows.delete(key)
    if (windows.size <= mostWindows / 2) return
  }
}

function within<T>(answer: Promise<T>, milliseconds: number): Promise<T> {
  return new Promise((resolve, reject) => {
    const fail = (): void => reject(new Error(`no answer in ${milliseconds} ms`))
    // A process that was busy itself finds the timer first, and the answer right behind it.
    const timer = setTimeout(() => setTimeout(fail, milliseconds / 10), milliseconds)
    answer.then(resolve, reject).finally(() => clearTimeout(timer))
  })
}
