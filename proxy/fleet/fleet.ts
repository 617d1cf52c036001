import { randomUUID } from 'node:crypto'
import type { RedisConfig } from '../config/redis-schema.ts'
import type { Logger } from '../observability/logger.ts'
import type { LimitStore } from '../request/policies/context.ts'
import type { Register, RegisterEvent } from '../upstreams/leases/register.ts'
import { countScript } from './count-script.ts'
import { readFleetKey } from './fleet-key.ts'
import { type CountedBy, fleetLimits } from './fleet-limits.ts'
import { createLeaseExchange } from './lease-exchange.ts'
import { openRedis, type Redis } from './redis.ts'
import { shareRevocations } from './shared-revocations.ts'
import { shareTicketKeys } from './shared-ticket-keys.ts'

/** What a proxy shares with the others, through Redis. Held by the primary; workers are told as without it. */
export interface Fleet {
  readonly limits: LimitStore
  /** What is wrong, a sentence each: Redis is away. */
  troubles(): string[]
  readonly state: FleetState
  happened(event: RegisterEvent): void
  isRevoked(token: string): boolean
  /** Waits, but not for long, until it is known who is there. */
  start(): Promise<void>
  close(): void
}

export interface FleetState {
  readonly there: boolean
  /** Other proxies that were heard of late. */
  readonly others: number
  readonly counts: Readonly<Record<CountedBy, number>>
}

export interface FleetSettings {
  readonly config: RedisConfig
  readonly folder: string
  readonly env: NodeJS.ProcessEnv
  readonly log: Logger
  register(): Register
  /** Tokens that this machine's file revokes. */
  revoked(): ReadonlySet<string>
  adoptTicketKeys(keys: Buffer): void
}

/** Milliseconds. */
const beatEvery = 3_000
/** After an outage each proxy asks at a time of its own. */
const backWithin = 1_000
const startLimit = 2_000
/** The same trouble is told once in so long. */
const sameFor = 60_000

/** Answers at once, whether or not Redis is there. */
export async function openFleet(settings: FleetSettings): Promise<Fleet> {
  const { config, folder, env, log, register, revoked, adoptTicketKeys } = settings
  const { prefix } = config
  const counts: Record<CountedBy, number> = { redis: 0, here: 0, known: 0 }
  const said = new Map<string, number>()
  const key = readFleetKey(folder)
  let timer: NodeJS.Timeout | undefined
  let closed = false
  const redis = (): Redis => opened
  const started = Promise.withResolvers<void>()

  function say(sentence: string): void {
    if (Date.now() - (said.get(sentence) ?? 0) < sameFor) return
    said.set(sentence, Date.now())
    log.error(sentence)
  }

  const share = (): number =>
    config.localShare === 'auto' ? 1 / (1 + (leases?.size ?? 0)) : config.localShare
  const leases =
    key && createLeaseExchange({ id: randomUUID(), prefix, redis, key, register, onTrouble: say })
  const revocations = shareRevocations({ redis, prefix, own: revoked })
  const lookForTicketKeys = key && shareTicketKeys({ redis, prefix, key, adopt: adoptTicketKeys })
  let isRead = false

  async function beat(): Promise<void> {
    if (!opened.there) return
    try {
      await leases?.beat()
      if (!isRead) await leases?.start()
      isRead = true
      await revocations.exchange()
      await lookForTicketKeys?.()
      started.resolve()
    } catch (error) {
      if (opened.there && !closed) say(`redis: ${(error as Error).message}`)
    }
  }

  function plan(after: number): void {
    clearTimeout(timer)
    if (closed) return
    timer = setTimeout(() => void beat().finally(() => plan(beatEvery * (0.9 + 0.2 * Math.random()))), after)
    timer.unref()
  }

  const opened = await openRedis({
    config,
    folder,
    env,
    countScript,
    channel: `${prefix}news`,
    heard: (message) => leases?.heard(message),
    changed(there) {
      if (there) {
        if (isRead) log.info('Redis is back')
        leases?.back()
        plan(isRead ? Math.random() * backWithin : 0)
      } else log.error(`Redis is away: ${opened.reason}; ${meanwhile(share())}`)
    },
  })
  // It may have been there before anybody could hear of it.
  if (opened.there) plan(0)

  return {
    limits: fleetLimits({ redis, prefix, share, counted: (by) => void counts[by]++ }),
    troubles: () => (opened.there ? [] : [`Redis is away (${opened.reason}): ${meanwhile(share())}`]),
    get state() {
      return { there: opened.there, others: leases?.size ?? 0, counts }
    },
    happened: (event) => leases?.happened(event),
    isRevoked: revocations.has,
    async start() {
      const limit = new Promise<void>((resolve) => setTimeout(resolve, startLimit))
      await Promise.race([started.promise, limit])
      if (!isRead) log.error(`Redis is not reached: ${opened.reason}; ${meanwhile(share())}`)
    },
    close() {
      closed = true
      clearTimeout(timer)
      opened.close()
    },
  }
}

function meanwhile(share: number): string {
  return `leases of other proxies stay as they were, and each limit is counted here, at ${Math.round(share * 100)} % of it`
}
