import { isDeepStrictEqual } from 'node:util'
import type { Announcement } from '../../config/announcement-schema.ts'
import type { UpstreamConfig } from '../../config/schema.ts'
import { parseTarget } from '../connection-pool.ts'
import { awayFor } from '../target.ts'
import { judgeAddress, type OwnAddresses } from './allowed-address.ts'
import { createChecks } from './checks.ts'
import { createFeed } from './feed.ts'
import { createLeases, type Lease } from './leases.ts'
import type { TargetNews } from './news.ts'
import { nameOf, type Place } from './place.ts'
import { makeRules, type Rules } from './rules.ts'
import { type Standing, standingOf, toldOf } from './standing.ts'

export type { Standing } from './standing.ts'

type Upstreams = Readonly<Record<string, UpstreamConfig>>

export interface RegisterSettings {
  readonly upstreams: Upstreams
  /** Relative paths of the configuration start here. */
  readonly folder: string
  own(): OwnAddresses
  now?(): number
  /** For those who serve. */
  tell(news: TargetNews): void
  /** A lease began, changed, or ended; a heartbeat is no change. */
  changed(event: RegisterEvent): void
}

export interface RegisterEvent {
  readonly event: 'registered' | 'changed' | 'draining' | 'overdue' | 'back' | 'left' | 'ended'
  readonly lease: Lease
  readonly reason?: string
}

export type Refusal =
  | 'upstream_unknown'
  | 'upstream_not_leased'
  | 'key_missing'
  | 'key_unexpected'
  | 'address_not_allowed'
  | 'register_full'
export type Announced =
  | { readonly outcome: 'registered' | 'changed' | 'renewed'; readonly lease: Lease }
  | { readonly outcome: 'refused'; readonly code: Refusal; readonly detail: string }

/**
 * All targets of all upstreams, and how each of them is. It is held once, where the workers are told from: by the
 * primary, or by the one process that there is.
 */
export interface Register {
  /** `by`: the token, for the audit log. */
  announce(place: Place, announcement: Announcement, by: string): Promise<Announced>
  get(name: string): Lease | undefined
  /** A heartbeat in the words of the last announcement. */
  renew(name: string): void
  /** Answers false if there is no such lease. */
  leave(name: string, by: string): boolean
  /** A worker could not connect to a target. */
  refused(name: string, reason: string): void
  /** After a reload. Leases that it does not allow any more end. */
  configure(upstreams: Upstreams): Promise<void>
  /** What other proxies say of the leases that they hold. What this one does not allow is not taken up. */
  adopt(leases: Iterable<Lease & { via: string }>): Promise<void>
  /** Another proxy says that they have ended. */
  release(name: string, reason: string): void
  /** Another proxy is gone, and with it those who spoke to it, unless they speak up or answer. */
  orphan(via: string): void
  /** Leases of before a restart. */
  restore(leases: Iterable<Lease>): Promise<void>
  /** Of the last news. */
  sequence(): number
  /** Everything, for a worker that starts. */
  whole(): TargetNews
  targets(): Iterable<Standing>
  leases(): Iterable<Lease>
  close(): void
}

/** How often overdue leases are looked for. Milliseconds. */
const sweepEvery = 250
/** Each costs about 2 KB here and in each worker. */
const mostLeases = 50_000

export function createRegister(settings: RegisterSettings): Register {
  const { folder, own, tell, changed, now = Date.now } = settings
  const standings = new Map<string, Standing>()
  // Its numbers are greater than those of every process before, for who asks what is new since one of them.
  const feed = createFeed(tell, now())
  const checks = createChecks({ found })
  const leases = createLeases({ now, changed: follow })
  const sweeper = setInterval(leases.sweep, sweepEvery).unref()
  const rules = new Map<string, Rules>()
  let upstreams = settings.upstreams
  watchFixed(() => true)

  function follow(
    lease: Lease,
    event: Parameters<Parameters<typeof createLeases>[0]['changed']>[1],
    reason?: string,
  ) {
    const name = nameOf(lease)
    const before = standings.get(name)
    if (event === 'left' || event === 'ended') {
      checks.forget(name)
      standings.delete(name)
      feed.drop(name)
      return changed({ event, lease, reason })
    }
    const word = wordFor(event, lease, before?.lease)
    const isMoved = before?.url !== lease.url
    const standing = isMoved ? standingOf(lease, now()) : before
    Object.assign(standing, {
      lease,
      overdue: lease.suspect,
      reason: lease.suspect ? reason : standing.reason,
    })
    standings.set(name, standing)
    if (isMoved) watch(name, standing)
    feed.put(toldOf(standing))
    if (lease.suspect || !standing.answers) checks.doubt(name)
    changed({ event: word, lease, reason })
  }

  function watch(name: string, { place, url, lease, answers }: Standing): void {
    const rules = rulesOf(place.upstream)
    if (rules === undefined) return
    const probe = lease ? rules.probeLease : rules.probeFixed
    checks.watch(name, { ask: () => probe(parseTarget(url)), health: rules.config.health, isWell: answers })
  }

  /** Worked out once for each upstream: of a keyed one there are thousands of leases. */
  function rulesOf(upstream: string): Rules | undefined {
    const config = Object.hasOwn(upstreams, upstream) ? upstreams[upstream] : undefined
    if (config === undefined) return undefined
    const known = rules.get(upstream)
    if (known?.config === config) return known
    const made = makeRules(config, folder, own)
    rules.set(upstream, made)
    return made
  }

  function found(name: string, isWell: boolean, reason: string | undefined): void {
    const standing = standings.get(name)
    if (standing === undefined) return
    if (standing.overdue && !isWell)
      return void leases.remove(name, 'ended', `overdue, and it does not answer: ${reason}`)
    if (isWell && !standing.answers) standing.since = now()
    standing.answers = isWell
    standing.awayUntil = isWell ? 0 : standing.awayUntil
    if (!standing.overdue) standing.reason = reason
    if (reason !== undefined) standing.lastError = reason
    feed.put(toldOf(standing))
  }

  function watchFixed(isNew: (upstream: string) => boolean): void {
    const named = new Set<string>()
    for (const [upstream, { targets }] of Object.entries(upstreams))
      for (const url of targets) {
        const place = { upstream, id: url }
        const name = nameOf(place)
        named.add(name)
        const known = standings.get(name)
        if (known && !isNew(upstream)) continue
        const standing = known ?? standingOf({ ...place, url }, 0)
        standings.set(name, standing)
        watch(name, standing)
      }
    for (const [name, { lease }] of standings) {
      if (lease !== undefined || named.has(name)) continue
      checks.forget(name)
      standings.delete(name)
      feed.drop(name)
    }
  }

  /** A sentence, if the lease may not be. */
  async function findFault(place: Place, url: string): Promise<[Refusal, string] | undefined> {
    const { upstream, key } = place
    const rules = rulesOf(upstream)
    if (rules === undefined) return ['upstream_unknown', `There is no upstream ${upstream}.`]
    const { config, allowed } = rules
    if (!config.leased)
      return ['upstream_not_leased', `The upstream ${upstream} is not \`leased: true\` in routes.yaml.`]
    if (config.keyed && key === undefined)
      return ['key_missing', `The upstream ${upstream} has a pool for each key: PUT …/keys/KEY/targets/ID.`]
    if (!config.keyed && key !== undefined)
      return ['key_unexpected', `The upstream ${upstream} has no keys: PUT …/targets/ID.`]
    const fault = await judgeAddress(parseTarget(url), allowed)
    return fault === undefined ? undefined : ['address_not_allowed', `${fault}.`]
  }

  return {
    async announce(place, announcement, by) {
      const fault = await findFault(place, announcement.url)
      if (fault) return { outcome: 'refused', code: fault[0], detail: fault[1] }
      const name = nameOf(place)
      if (leases.size >= mostLeases && !leases.get(name))
        return { outcome: 'refused', code: 'register_full', detail: `There are ${mostLeases} leases.` }
      const outcome = leases.put(place, announcement, by)
      if (outcome === 'renewed' && !standings.get(name)?.answers) checks.doubt(name)
      return { outcome, lease: leases.get(name) as Lease }
    },
    get: leases.get,
    renew(name) {
      if (leases.renew(name) && !standings.get(name)?.answers) checks.doubt(name)
    },
    leave(name, by) {
      const lease = leases.get(name)
      if (lease) lease.by = by
      return leases.remove(name, 'left', 'it said so')
    },
    refused(name, reason) {
      const standing = standings.get(name)
      if (standing === undefined) return
      standing.awayUntil = now() + awayFor
      standing.lastError = reason
      feed.put(toldOf(standing))
      // A fixed target without a check is tried again by the next exchange; nobody would say when it is back.
      if (standing.lease || upstreams[standing.place.upstream]?.health) checks.doubt(name)
    },
    async configure(next) {
      const before = upstreams
      const isNew = (name: string) => !isDeepStrictEqual(before[name], next[name])
      upstreams = next
      watchFixed(isNew)
      for (const lease of [...leases.all()]) {
        const name = nameOf(lease)
        const fault = await findFault(lease, lease.url)
        if (fault) leases.remove(name, 'ended', fault[1])
        else if (isNew(lease.upstream)) watch(name, standings.get(name) as Standing)
      }
    },
    async adopt(told) {
      for (const lease of told)
        if (leases.size < mostLeases && !(await findFault(lease, lease.url))) leases.adopt(lease)
    },
    release: (name, reason) => void leases.remove(name, 'ended', reason),
    orphan: leases.orphan,
    async restore(restored) {
      const good: Lease[] = []
      for (const lease of restored) if (!(await findFault(lease, lease.url))) good.push(lease)
      leases.restore(good)
    },
    sequence: feed.sequence,
    whole: feed.whole,
    targets: () => standings.values(),
    leases: leases.all,
    close() {
      clearInterval(sweeper)
      checks.close()
    },
  }
}

function wordFor(
  event: 'registered' | 'changed' | 'suspect' | 'back',
  lease: Lease,
  before: Lease | undefined,
): RegisterEvent['event'] {
  if (event === 'suspect') return 'overdue'
  return event === 'changed' && lease.state === 'draining' && before?.state !== 'draining'
    ? 'draining'
    : event
}
