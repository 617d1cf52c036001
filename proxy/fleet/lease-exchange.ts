import type { Lease } from '../upstreams/leases/leases.ts'
import { nameOf } from '../upstreams/leases/place.ts'
import type { Register, RegisterEvent } from '../upstreams/leases/register.ts'
import type { FleetKey } from './fleet-key.ts'
import { writeRecord } from './lease-record.ts'
import { type FleetNews, readNews } from './news-wire.ts'
import { createOwnList } from './own-list.ts'
import { createPeers } from './peers.ts'
import type { Redis } from './redis.ts'

/**
 * Leases of the whole fleet. A service speaks to one proxy, which hears its heartbeats and alone decides when it is
 * overdue; the others are told of what changes, and of nothing else: ten thousand services that live cost Redis
 * nothing. When a proxy is gone, those who spoke to it are suspect everywhere, until they speak to another.
 */
export interface LeaseExchange {
  /** Other proxies that were heard of late. */
  readonly size: number
  /** Something happened to a lease, here. */
  happened(event: RegisterEvent): void
  heard(message: string): void
  /** Reads what the others hold. Rejects if Redis does not answer. */
  start(): Promise<void>
  /** Every few seconds, and when Redis is back. */
  beat(): Promise<void>
  /** Redis is back: what was not heard meanwhile is nobody's silence. */
  back(): void
}

export interface LeaseExchangeSettings {
  readonly id: string
  readonly prefix: string
  readonly redis: () => Redis
  readonly key: FleetKey
  register(): Register
  onTrouble(sentence: string): void
}

/** Its own words were not heard for so long: the subscription is dead, though nobody said so. Milliseconds. */
const deafAfter = 9_000

export function createLeaseExchange(settings: LeaseExchangeSettings): LeaseExchange {
  const { id, prefix, redis, key, register, onTrouble } = settings
  const keyOf = (proxy: string): string => `${prefix}leases:${proxy}`
  const index = `${prefix}proxies`
  const now = (): number => performance.now()
  let heardSelfAt = 0
  /** Since when everything that is said is heard. */
  let hearsSince = 0
  let queue: Promise<unknown> = Promise.resolve()
  const list = createOwnList({
    id,
    key: keyOf(id),
    redis,
    publish: (news) => redis().publish(key.seal('news', news)),
  })

  /** One after the other: an old word must not be taken up after a new one. */
  function enqueue(work: () => unknown): void {
    queue = queue.then(work).catch((error: Error) => onTrouble(`leases of other proxies: ${error.message}`))
  }

  const peers = createPeers({
    redis,
    key,
    keyOf,
    now,
    told: ({ via, put, gone, whole }) =>
      enqueue(async () => {
        const ended = whole ? missing(via, put) : gone
        for (const name of ended)
          if (register().get(name)?.via === via) register().release(name, 'another proxy says so')
        await register().adopt(put)
        for (const lease of put) if (register().get(nameOf(lease))?.via === via) list.drop(nameOf(lease))
      }),
    left: (name, at) =>
      enqueue(() => {
        const lease = register().get(name)
        if (lease && lease.saidAt <= at) register().release(name, 'it said goodbye to another proxy')
      }),
    lost: (via) => enqueue(() => register().orphan(via)),
    unsealed: tellUnsealed,
  })

  function tellUnsealed(): void {
    onTrouble(
      'another proxy of the fleet has another certs/registration.key, so its leases are not believed; copy the same file to all of them',
    )
  }

  function missing(via: string, put: readonly Lease[]): string[] {
    const names = new Set(put.map(nameOf))
    const held = Array.from(register().leases()).filter((lease) => lease.via === via)
    return held.map(nameOf).filter((name) => !names.has(name))
  }

  function hearSelf(): void {
    if (now() - heardSelfAt > deafAfter) hearsSince = now()
    heardSelfAt = now()
  }

  return {
    get size() {
      return peers.size
    },
    happened({ event, lease }) {
      const name = nameOf(lease)
      if (event === 'left' || event === 'ended') {
        const wasOurs = list.drop(name)
        if (event === 'left' && !wasOurs) list.left(name, Date.now())
      } else if (lease.via === undefined && (event !== 'overdue' || list.has(name)))
        list.put(name, key.seal(`${id} ${name}`, writeRecord(lease)))
    },
    heard(message) {
      const text = key.open('news', message)
      if (text === undefined) return tellUnsealed()
      const news: FleetNews | undefined = readNews(text)
      if (news === undefined) return
      if (news.from === id) hearSelf()
      else peers.heard(news)
    },
    async start() {
      const known = (await redis().call('ZRANGE', index, 0, -1)) as string[]
      for (const other of known) if (other !== id) await peers.read(other)
      await queue
    },
    async beat() {
      await list.beat()
      await redis().call('ZADD', index, Date.now(), id)
      await redis().call('ZREMRANGEBYSCORE', index, 0, Date.now() - indexedFor)
      if (now() - heardSelfAt > deafAfter) redis().subscribeAgain()
      else peers.forgetSilent(hearsSince)
    },
    back() {
      heardSelfAt = now()
      hearsSince = now()
    },
  }
}

/** Milliseconds. */
const indexedFor = 600_000
