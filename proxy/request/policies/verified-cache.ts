export interface VerifiedCache<T> {
  get(key: string): T | undefined
  /** Keeps the value until that time (Unix, in milliseconds). */
  set(key: string, value: T, until: number): void
  readonly size: number
}

/**
 * Remembers what has been verified at some cost. Bounded: past the limit the entry that was asked for longest
 * ago makes room, so that a stream of new tokens costs memory once. Keys are digests, never the secret itself:
 * a memory dump or a careless log then holds nothing that opens a door.
 *
 * Nothing that failed is kept. To forget everything, drop the cache and make another: a verification that was
 * under way while keys changed then cannot write into the new one.
 */
export function createVerifiedCache<T>(limit: number): VerifiedCache<T> {
  // A Map iterates in order of insertion, so its first key is the one that was used longest ago.
  const entries = new Map<string, { value: T; until: number }>()
  return {
    get(key) {
      const entry = entries.get(key)
      if (entry === undefined) return undefined
      entries.delete(key)
      if (Date.now() >= entry.until) return undefined
      entries.set(key, entry)
      return entry.value
    },
    set(key, value, until) {
      entries.delete(key)
      entries.set(key, { value, until })
      if (entries.size <= limit) return
      const oldest = entries.keys().next()
      if (!oldest.done) entries.delete(oldest.value)
    },
    get size() {
      return entries.size
    },
  }
}
