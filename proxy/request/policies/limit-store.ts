import type { CountStore, LimitStore } from './context.ts'

/** A store of counts for each policy and window: whoever asks for the same one again goes on with its counts. */
export function storeByPolicy(make: (windowMs: number) => CountStore): LimitStore {
  const stores = new Map<string, CountStore>()
  return {
    storeFor(name, windowMs) {
      const key = `${name} ${windowMs}`
      const store = stores.get(key) ?? make(windowMs)
      stores.set(key, store)
      return store
    },
  }
}

/** Counts of which those that are asked for move to `current`. */
export interface Generations<Count> {
  current: Map<string, Count>
  previous: Map<string, Count>
}

/** The most keys of one policy, unless somebody says otherwise. */
export const mostKeys = 100_000

/**
 * Whoever owns many addresses could fill the memory with keys: past the bound, the half that has been quiet for longest is
 * forgotten. To be called before each count.
 */
export function boundKeys<Count>(counts: Generations<Count>, most: number): void {
  if (counts.current.size < most) return
  counts.previous = counts.current
  counts.current = new Map()
}
