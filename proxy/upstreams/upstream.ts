import { resolve } from 'node:path'
import { parseNetwork } from '../address.ts'
import type { UpstreamConfig } from '../config/schema.ts'
import { type Asker, createBalance } from './balance.ts'
import type { ConnectGuard, TargetAddress } from './connection-pool.ts'
import { type AllowedAddresses, guardConnections, type OwnAddresses } from './leases/allowed-address.ts'
import type { Directory } from './leases/directory.ts'
import type { ToldTarget } from './leases/news.ts'
import { nameOf } from './leases/place.ts'
import { createRetryBudget, type RetryBudget } from './retry-budget.ts'
import { createSticky, type Sticky } from './sticky.ts'
import { closeWhenIdle, createTarget, isWell, type Target } from './target.ts'

export type { Target } from './target.ts'

/** A named pool of targets, or one of them for each key. */
export interface Upstream {
  readonly name: string
  readonly config: UpstreamConfig
  readonly retries: RetryBudget
  /** How clients come back to their target, if they do. */
  readonly sticky: Sticky | undefined
  targets(key?: string): readonly Target[]
  /** The targets of all its pools. */
  all(): Iterable<Target>
  /** The next target that may be tried, or undefined if nobody is there. `tried` is passed over. */
  pick(key: string | undefined, tried: readonly Target[], asker?: Asker): Target | undefined
  close(): void
}

/** Where leases, and what is known of the health of all targets, come from; and who hears what happens to them. */
export interface TargetSource {
  readonly directory: Directory
  /** What this proxy listens on, where no lease may lead. */
  own(): OwnAddresses
  /** A target refused a connection. `name`: as `nameOf` makes it. */
  refused(name: string, reason: string): void
}

export interface UpstreamSurroundings {
  /** Relative paths start here. */
  readonly folder: string
  readonly env?: NodeJS.ProcessEnv
  readonly source?: TargetSource
}

/** Throws a sentence if there is no key for its cookie. */
export function createUpstream(name: string, config: UpstreamConfig, around: UpstreamSurroundings): Upstream {
  const { folder, env = {}, source } = around
  const byName = new Map<string, Target>()
  const pools = new Map<string | undefined, Target[]>()
  const balance = createBalance(config)
  const sticky = config.sticky && createSticky(config.sticky, folder, env)
  const guard = source && guardOf(allowedAddresses(config, folder, source.own))

  const make = (place: { name: string; key?: string; id: string; url: string; leased: boolean }): Target =>
    createTarget({
      ...place,
      config,
      folder,
      // What the operator wrote is believed.
      guard: place.leased ? guard : undefined,
      refused: (reason) => source?.refused(place.name, reason),
    })

  const add = (target: Target): void => {
    byName.set(target.name, target)
    sticky?.add(target)
    const pool = pools.get(target.key)
    if (pool === undefined) pools.set(target.key, [target])
    else pool.push(target)
  }

  const remove = (target: Target): void => {
    byName.delete(target.name)
    sticky?.remove(target)
    const pool = (pools.get(target.key) ?? []).filter((other) => other !== target)
    if (pool.length > 0) pools.set(target.key, pool)
    else pools.delete(target.key)
    void closeWhenIdle(target)
  }

  for (const url of config.targets) {
    const target = make({ name: nameOf({ upstream: name, id: url }), id: url, url, leased: false })
    target.weight = config.weights[url] ?? 1
    add(target)
  }

  const unfollow = source?.directory.follow(name, {
    told(name, told) {
      let target = byName.get(name)
      if (target?.leased && target.address.text !== told.url) {
        remove(target)
        target = undefined
      }
      if (target === undefined) {
        if (!told.leased || !config.leased) return
        target = make({ ...told, name })
        add(target)
      }
      takeUp(target, told)
    },
    gone(name) {
      const target = byName.get(name)
      if (target?.leased) remove(target)
      else if (target) Object.assign(target, { health: 'well', awayUntil: 0 } satisfies Partial<Target>)
    },
  })

  return {
    name,
    config,
    retries: createRetryBudget(config.retryBudget),
    sticky,
    targets: (key) => pools.get(key) ?? nobody,
    all: () => byName.values(),
    pick(key, tried, asker) {
      const targets = pools.get(key)
      if (targets === undefined) return undefined
      const wanted = sticky?.targetOf(asker?.headers.all('cookie') ?? [])
      if (
        wanted?.key === key &&
        wanted !== undefined &&
        !tried.includes(wanted) &&
        isWell(wanted, Date.now())
      )
        return wanted
      // A failing one has been asked and said no; one that is draining asked not to be chosen.
      const possible = targets.filter(
        (target) => !target.draining && target.health !== 'failing' && !tried.includes(target),
      )
      if (possible.length < 2) return possible[0]
      const now = Date.now()
      const here = possible.filter(({ awayUntil }) => awayUntil <= now)
      const well = here.filter(({ health }) => health === 'well')
      // If everyone refused of late, trying one is better than refusing for certain.
      return balance(well.length > 0 ? well : here.length > 0 ? here : possible, now, asker)
    },
    close() {
      unfollow?.()
      for (const target of byName.values()) target.close()
    },
  }
}

/** Where the configuration lets leases of an upstream lie. */
export function allowedAddresses(
  { networks, sockets }: UpstreamConfig,
  folder: string,
  own: () => OwnAddresses,
): AllowedAddresses {
  return { networks: networks.map(parseNetwork), sockets: sockets.map((path) => resolve(folder, path)), own }
}

// --- internal ---

const nobody: readonly Target[] = []

function guardOf(allowed: AllowedAddresses): (address: TargetAddress) => ConnectGuard {
  return (address) => guardConnections(address, allowed)
}

function takeUp(target: Target, told: ToldTarget): void {
  const { weight, draining, headers = {}, health, awayUntil, since, leased } = told
  Object.assign(target, { health, awayUntil, since } satisfies Partial<Target>)
  if (leased) Object.assign(target, { weight, draining, headers } satisfies Partial<Target>)
}
