import type { RoutePolicies } from '../../config/loaded.ts'

/** What a policy may need from outside, besides its own options, to be built. */
export interface PolicyContext {
  /** Name of the route, for messages and for the names of what is shared. */
  readonly route: string
  /** The paths of the route as `match.path` has them, `:name` segments included. */
  readonly paths: readonly string[]
  /** The names of those `:name` segments. */
  readonly paramNames: readonly string[]
  /** Absolute folder of routes.yaml; relative files start here. */
  readonly folder: string
  readonly env: NodeJS.ProcessEnv
  readonly limits: LimitStore
  /** All policies of the route. Some are gentler or stricter beside others: see cache.ts. */
  readonly policies: RoutePolicies
  /** Whether the route has Express middleware, which may do what no policy says: know sessions, and set cookies. */
  readonly hasMiddleware: boolean
  /** Something went wrong while no client was waiting: a key set that cannot be fetched, a store that is away. */
  onBackgroundError(message: string): void
}

/**
 * Where counts are kept. A limit of N is N for all processes together, so the store is given from outside:
 * this process's memory, the primary process, or Redis.
 */
export interface LimitStore {
  /**
   * The counts of one policy. The same name and window is the same store, also after a reload, so that a
   * reload forgives nobody. The window is in milliseconds. Past `limit` the exact count matters to nobody.
   */
  storeFor(name: string, windowMs: number, limit?: number): CountStore
}

/** The part of express-rate-limit's `Store` that a policy asks: every such store is a CountStore. */
export interface CountStore {
  /** Counts one more. A synchronous answer keeps the exchange free of promises. */
  increment(key: string): Count | Promise<Count>
  /** Looks without counting. */
  get?(key: string): Count | undefined | Promise<Count | undefined>
}

export interface Count {
  totalHits: number
  resetTime: Date | undefined
}
