import type { LoadedRoute } from '../../config/loaded.ts'
import type { Upstream } from '../../upstreams/upstream.ts'
import type { Facts } from '../facts.ts'
import type { Middleware } from '../middleware.ts'
import type { HeaderEntry, Policy } from '../policies/policy.ts'

/**
 * A route as the path sees it: everything that depends on the configuration alone, worked out when the table
 * was built.
 */
export interface Route {
  readonly name: string
  /** Its place, for logs: `routes.yaml:42`. */
  readonly rule: string
  readonly config: LoadedRoute
  readonly hosts: readonly (string | undefined)[]
  readonly listeners: ReadonlySet<string>
  readonly methods?: ReadonlySet<string>
  readonly destination: Destination

  /** Policies in the order in which they are asked, and those with each further hook. */
  readonly policies: readonly Policy[]
  readonly bodyLimit: number
  /** The smallest limit of a policy in observe mode. */
  readonly watchedBody: WatchedBody | undefined
  readonly fixedHeaders: readonly HeaderEntry[]
  readonly requestEditors: readonly Policy[]
  readonly responseEditors: readonly Policy[]
  readonly encoders: readonly Policy[]
  readonly middleware?: Middleware
}

export interface WatchedBody {
  readonly policy: string
  /** Bytes. */
  readonly limit: number
}

export type Destination =
  | { readonly kind: 'upstream'; readonly upstream: Upstream; readonly keyParam?: string }
  | {
      readonly kind: 'files'
      readonly root: string
      readonly index: string
      readonly spa: boolean
      /** The index is all that it serves. */
      readonly only?: boolean
    }
  | { readonly kind: 'redirect'; readonly status: number; readonly locate: (facts: Facts) => string }
  /** A part of the route failed to load: it is closed, and so fails alone. */
  | { readonly kind: 'closed'; readonly reason: string }
