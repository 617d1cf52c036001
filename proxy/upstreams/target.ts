import type { UpstreamConfig } from '../config/schema.ts'
import {
  type ConnectGuard,
  type ConnectionPool,
  openPool,
  parseTarget,
  type TargetAddress,
} from './connection-pool.ts'
import type { Health } from './leases/news.ts'

/** One address of an upstream, with what is happening to it. The configuration stays frozen; this does not. */
export interface Target {
  /** One word for its place, as the primary knows it. */
  readonly name: string
  /** Of a keyed upstream: its pool. */
  readonly key?: string
  readonly id: string
  readonly address: TargetAddress
  /** Opened when it is first used, because most of many are quiet. */
  readonly pool: ConnectionPool
  readonly leased: boolean
  /** Exchanges that are under way. */
  inFlight: number
  weight: number
  /** It finishes what it has, and takes nothing new. */
  draining: boolean
  /** Fields that every request to it carries: the credentials that it asks for, and its users do not know. */
  headers: Readonly<Record<string, string>>
  health: Health
  /** Until when (Unix ms) it is passed over because it refused connections. 0: it is well. */
  awayUntil: number
  /** Since when it takes exchanges (Unix ms): a slow start counts from here. */
  since: number
  /** Exchanges that it failed since it last answered one. */
  failures: number
  /** Where it stands in the turns of its pool. See `balance.ts`. */
  turn: number
  lastError?: string
  /** Tells the other processes. */
  readonly refused: (reason: string) => void
  /** Ends its connections, if there are any. */
  close(): void
}

export interface TargetSettings {
  readonly name: string
  readonly key?: string
  readonly id: string
  readonly url: string
  readonly leased: boolean
  readonly config: UpstreamConfig
  readonly folder: string
  guard?(address: TargetAddress): ConnectGuard
  refused(reason: string): void
}

export function createTarget(settings: TargetSettings): Target {
  const { name, key, id, url, leased, config, folder, guard, refused } = settings
  const address = parseTarget(url)
  let pool: ConnectionPool | undefined
  return {
    name,
    key,
    id,
    address,
    leased,
    get pool() {
      pool ??= openPool(address, config, folder, guard?.(address))
      return pool
    },
    inFlight: 0,
    weight: 1,
    draining: false,
    headers: {},
    health: 'well',
    awayUntil: 0,
    since: 0,
    failures: 0,
    turn: 0,
    refused,
    close: () => pool?.close(),
  }
}

/** Whether an exchange would be given to it now, if nothing else speaks against it. */
export function isWell({ draining, health, awayUntil }: Target, now: number): boolean {
  return !draining && health === 'well' && awayUntil <= now
}

/** A target that refused a connection is passed over this long, if there is another. Milliseconds. */
export const awayFor = 1_000
/** One that accepts connections and fails what is sent on them is found out by this many in a row, and goes longer. */
const mostFailures = 5
const ejectedFor = 10_000

export function markAway(target: Target, reason: string): void {
  const now = Date.now()
  target.lastError = reason
  if (target.awayUntil > now) return
  target.awayUntil = now + awayFor
  target.refused(reason)
}

/** An exchange failed after it was sent. Ejection is a preference: the last of a pool is still tried. */
export function markFailed(target: Target, reason: string): void {
  target.lastError = reason
  if (++target.failures % mostFailures === 0) target.awayUntil = Date.now() + ejectedFor
}

export function markWell(target: Target): void {
  target.awayUntil = 0
  target.failures = 0
}

/** Exchanges in flight end on the connections that they have. */
export async function closeWhenIdle(target: Target): Promise<void> {
  while (target.inFlight > 0) await new Promise((resolve) => setTimeout(resolve, 250).unref())
  target.close()
}
