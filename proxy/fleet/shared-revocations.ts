import type { Redis } from './redis.ts'

/** Ids of registration tokens that hold nowhere in the fleet: those of every proxy's own file together. */
export interface SharedRevocations {
  has(id: string): boolean
  /** Tells of what is new here, and takes up what is new elsewhere. */
  exchange(): Promise<void>
}

/**
 * A set that only grows, so it does not matter who adds first. It stands in Redis and in every proxy: a Redis that
 * came back empty is filled again by the first who asks.
 */
export function shareRevocations({
  redis,
  prefix,
  own,
}: {
  redis: () => Redis
  prefix: string
  own(): ReadonlySet<string>
}): SharedRevocations {
  const key = `${prefix}revoked`
  let known: ReadonlySet<string> = new Set()
  return {
    has: (id) => known.has(id),
    async exchange() {
      const found = new Set((await redis().call('SMEMBERS', key)) as Iterable<string>)
      const missing = [...new Set([...known, ...own()])].filter((id) => !found.has(id))
      if (missing.length > 0) await redis().call('SADD', key, ...missing)
      known = new Set([...found, ...missing])
    },
  }
}
