import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import type { Cluster, ClusterOptions, RedisOptions, Redis as Server } from 'ioredis'
import type { RedisConfig } from '../config/redis-schema.ts'

/** Redis as the fleet uses it: what is asked while it is away fails at once, and nothing is kept for later. */
export interface Redis {
  readonly there: boolean
  /** Why it is away. */
  readonly reason: string | undefined
  /** Rejects while it is away, and when there is no answer within a second. */
  call(command: string, ...args: (string | number)[]): Promise<unknown>
  /** Rejects, too. See `count-script.ts`. */
  count(key: string, more: number, left: number, known: number): Promise<[total: number, left: number]>
  publish(message: string): Promise<void>
  /** Opens the subscription anew: nothing was heard through it, though everything else works. */
  subscribeAgain(): void
  close(): void
}

export interface RedisSettings {
  readonly config: RedisConfig
  /** Relative paths start here. */
  readonly folder: string
  readonly env: NodeJS.ProcessEnv
  /** Counts one more, and more of that kind. */
  readonly countScript: string
  readonly channel: string
  heard(message: string): void
  /** It came, or went. */
  changed(there: boolean): void
}

/** Milliseconds. */
const connectLimit = 2_000
const answerLimit = 1_000
/** Longer than an answer may take: a server that hangs is left, and another may have taken its place. */
const silenceLimit = 1_500
const firstRetry = 200
const longestRetry = 5_000

/** The one place that knows the client. It is loaded here, so that who has no `redis:` pays nothing for it. */
export async function openRedis(settings: RedisSettings): Promise<Redis> {
  const { channel, heard, changed } = settings
  const ioredis = await import('ioredis')
  const asking = connect(ioredis, settings)
  const listening = connect(ioredis, settings)
  let there = false
  let reason: string | undefined = 'not reached yet'
  let closed = false

  function turn(isThere: boolean): void {
    if (isThere) reason = undefined
    else if (there) reason = 'the connection was closed'
    if (isThere === there || closed) return
    there = isThere
    changed(there)
  }

  /** The client gives up for good when it hears of a failover while it asks the sentinels where to go. */
  for (const client of [asking, listening])
    client.on('end', () => {
      const again = () => closed || void client.connect().catch(() => {})
      setTimeout(again, pauseBefore(0)).unref()
    })
  asking.on('ready', () => turn(true))
  asking.on('close', () => turn(false))
  asking.on('error', (error: Error) => {
    if (!there) reason = error.message
  })
  listening.on('error', () => {})
  listening.on('message', (_, message: string) => heard(message))
  listening.on('ready', () => void listening.subscribe(channel).catch(() => {}))

  return {
    get there() {
      return there
    },
    get reason() {
      return reason
    },
    call: (command, ...args) => asking.call(command, ...args),
    count: (...args) => (asking as unknown as Counting).countMore(...args),
    publish: async (message) => void (await asking.publish(channel, message)),
    subscribeAgain: () => listening.disconnect(true),
    close() {
      closed = true
      asking.disconnect()
      listening.disconnect()
    },
  }
}

// --- internal ---

type Client = Server | Cluster
type Library = { readonly Redis: typeof Server; readonly Cluster: typeof Cluster }

/** What `scripts` adds to a client. */
interface Counting {
  countMore(key: string, more: number, left: number, known: number): Promise<[number, number]>
}

function connect(library: Library, settings: RedisSettings): Client {
  const { config, countScript } = settings
  const scripts = { countMore: { lua: countScript, numberOfKeys: 1 } }
  const common = commonOptions(settings)
  if (config.cluster !== undefined) {
    const options: ClusterOptions = {
      redisOptions: common,
      scripts,
      enableOfflineQueue: false,
      clusterRetryStrategy: pauseBefore,
      // A master that restarts without a failover gives nobody reason to look for it.
      clusterNodeRetryStrategy: pauseBefore,
      slotsRefreshTimeout: answerLimit,
      slotsRefreshInterval: 2_000,
      retryDelayOnFailover: 50,
      maxRedirections: 8,
    }
    return new library.Cluster(
      config.cluster.map((text) => placeOf(text) as { host: string; port: number }),
      options,
    )
  }
  const alone: RedisOptions = {
    ...common,
    scripts,
    enableOfflineQueue: false,
    retryStrategy: pauseBefore,
    db: config.database,
  }
  if (config.sentinels === undefined) return new library.Redis({ ...alone, ...placeOf(config.address ?? '') })
  const { name, addresses, password } = config.sentinels
  return new library.Redis({
    ...alone,
    name,
    sentinels: addresses.map((text) => placeOf(text) as { host: string; port: number }),
    sentinelPassword: secretOf(password, settings),
    sentinelRetryStrategy: pauseBefore,
    sentinelCommandTimeout: answerLimit,
    enableTLSForSentinelMode: common.tls !== undefined,
    sentinelTLS: common.tls,
    failoverDetector: true,
  })
}

function commonOptions(settings: RedisSettings) {
  const { config, folder } = settings
  return {
    connectionName: 'gatehouse',
    username: config.username,
    password: secretOf(config.password, settings),
    tls: config.tls && {
      ca: config.tls.ca === undefined ? undefined : readFileSync(resolve(folder, config.tls.ca)),
      servername: config.tls.servername,
    },
    connectTimeout: connectLimit,
    commandTimeout: answerLimit,
    socketTimeout: silenceLimit,
    maxRetriesPerRequest: 0,
    autoResendUnfulfilledCommands: false,
    // A primary that became a replica refuses to be written to: the other one is looked for.
    reconnectOnError: (error: Error) => error.message.startsWith('READONLY'),
  }
}

/** Each proxy comes back at a time of its own, or a Redis that has just started would meet all of them at once. */
function pauseBefore(attempt: number): number {
  const longest = Math.min(longestRetry, firstRetry * 2 ** Math.min(attempt, 10))
  return longest * (0.5 + 0.5 * Math.random())
}

function placeOf(text: string): { path: string } | { host: string; port: number } {
  if (text.startsWith('unix:')) return { path: text.slice('unix:'.length) }
  const colon = text.lastIndexOf(':')
  return { host: text.slice(0, colon).replace(/^\[|\]$/g, ''), port: Number(text.slice(colon + 1)) }
}

/** Whether it is there was checked when the configuration was loaded. */
function secretOf(where: string | undefined, { folder, env }: RedisSettings): string | undefined {
  if (where === undefined) return undefined
  if (where.startsWith('env:')) return env[where.slice('env:'.length)]
  return readFileSync(resolve(folder, where), 'utf8').trim()
}
