import type { UpstreamConfig } from '../config/schema.ts'
import { type ConnectionPool, openPool, parseTarget, type TargetAddress } from './connection-pool.ts'

/** One address of an upstream, with what is happening to it. The configuration stays frozen; this does not. */
export interface Target {
  readonly address: TargetAddress
  readonly pool: ConnectionPool
  /** Exchanges that are under way. */
  inFlight: number
  /** Until when (Unix ms) it is passed over because it refused connections. 0: it is well. */
  awayUntil: number
  lastError?: string
}

/** A named pool of targets. */
export interface Upstream {
  readonly name: string
  readonly config: UpstreamConfig
  targets(key?: string): readonly Target[]
  /** The next target that may be tried, or undefined if nobody is there. `tried` is passed over. */
  pick(key: string | undefined, tried: readonly Target[]): Target | undefined
  close(): void
}

/** A target that refused a connection is passed over this long, if there is another. Milliseconds. */
const awayFor = 1_000

export function createUpstream(name: string, config: UpstreamConfig, folder: string): Upstream {
  const targets = config.targets.map((text): Target => {
    const address = parseTarget(text)
    return { address, pool: openPool(address, config, folder), inFlight: 0, awayUntil: 0 }
  })
  let next = 0
  return {
    name,
    config,
    // A keyed pool has no fixed targets: who may fill a key is decided by its leases.
    targets: (key) => (key === undefined ? targets : []),
    pick(key, tried) {
      const candidates = this.targets(key)
      const now = candidates.length > 1 ? Date.now() : 0
      let resort: Target | undefined
      for (let i = 0; i < candidates.length; i++) {
        const target = candidates[next++ % candidates.length] as Target
        if (tried.includes(target)) continue
        if (target.awayUntil <= now) return target
        resort = target
      }
      // Everyone refused of late: trying one is better than refusing for certain.
      return resort
    },
    close() {
      for (const target of targets) target.pool.close()
    },
  }
}

export function markAway(target: Target, reason: string): void {
  target.awayUntil = Date.now() + awayFor
  target.lastError = reason
}

export function markWell(target: Target): void {
  target.awayUntil = 0
}
