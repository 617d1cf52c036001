import { setTimeout as sleep } from 'node:timers/promises'
import { Redis, ReplyError } from 'ioredis'
import type { Logger } from '../shared/logger.ts'

/** Redis was away for longer than a request can wait. */
export class NotAnswered extends Error {
  override readonly name = 'NotAnswered'
}

/** A connection to Redis that outlives restarts of Redis. */
export interface RedisLine {
  readonly redis: Redis
  /**
   * Runs `command` until Redis answers it: it must be one that may run twice. Rejects with NotAnswered after
   * `patience`, or at once while many wait already; what Redis itself refuses, it rejects with.
   */
  ask<Answer>(command: () => Promise<Answer>): Promise<Answer>
  close(): void
}

export interface RedisOptions {
  /** Milliseconds that a command waits for Redis to come back. Default: 8,000. */
  readonly patience?: number
  /** Milliseconds after which an answer is not waited for any more, and the command sent again. Default: 2,000. */
  readonly answerLimit?: number
}

/**
 * Connects. Rejects if Redis is not there within `patience`, or says no. Warns if Redis is set so that it may forget
 * what it has answered.
 */
export async function connectRedis(
  url: string,
  log: Logger,
  { patience = 8_000, answerLimit = 2_000 }: RedisOptions = {},
): Promise<RedisLine> {
  const redis = new Redis(url, {
    // Nothing is sent behind our back: a command that nobody waits for any more must not run later.
    enableOfflineQueue: false,
    autoResendUnfulfilledCommands: false,
    maxRetriesPerRequest: 0,
    commandTimeout: answerLimit,
    connectTimeout: answerLimit,
    retryStrategy: (times) => Math.min(50 * times, 1_000),
    // What was the first of several is no more: a new connection leads to the one that is now.
    reconnectOnError: (error) => error.message.startsWith('READONLY'),
  })
  let ready = Promise.withResolvers<void>()
  let isReady = false
  let reason = ''
  let waiting = 0
  redis.on('ready', () => {
    if (reason !== '') log.info('Redis is back')
    isReady = true
    reason = ''
    ready.resolve()
  })
  redis.on('error', (error: Error) => {
    if (reason === '') log.warn('Redis is away', { reason: (error as Error).message })
    reason = error.message || 'away'
  })
  redis.on('close', () => {
    if (isReady) ready = Promise.withResolvers()
    isReady = false
    reason ||= 'the connection closed'
  })

  async function ask<Answer>(command: () => Promise<Answer>): Promise<Answer> {
    const end = performance.now() + patience
    if (!isReady && waiting >= mostWaiting) throw new NotAnswered('too many wait for Redis')
    waiting++
    try {
      for (;;) {
        try {
          if (isReady) return await command()
        } catch (error) {
          if (!mayPass(error)) throw error
        }
        const left = end - performance.now()
        if (left <= 0) throw new NotAnswered(`Redis is away: ${reason}`)
        // Loading, for instance, is over without a new connection: so it is asked again now and then.
        if (isReady) await sleep(Math.min(left, 50))
        else await Promise.race([ready.promise, sleep(left, undefined, { ref: false })])
      }
    } finally {
      waiting--
    }
  }

  try {
    await ask(() => redis.ping())
    await warnOfForgetting(redis, log)
  } catch (error) {
    redis.disconnect()
    throw error
  }
  return { redis, ask, close: () => redis.disconnect() }
}

// --- internal ---

const mostWaiting = 1_000

/** Whether the same command may be answered later: not what Redis has understood and refused. */
function mayPass(error: unknown): boolean {
  if (!(error instanceof ReplyError)) return true
  return /^(LOADING|READONLY|MASTERDOWN|CLUSTERDOWN|TRYAGAIN|BUSY) /.test((error as Error).message)
}

/**
 * Redis answers before it has written, unless it is told to write first. Those who rent one are often not allowed to
 * ask for its settings; then they know what they rented.
 */
async function warnOfForgetting(redis: Redis, log: Logger): Promise<void> {
  const read = async (name: string) => (await redis.config('GET', name))[1]
  try {
    const [appendonly, appendfsync] = [await read('appendonly'), await read('appendfsync')]
    if (appendonly === 'yes' && appendfsync === 'always') return
    log.warn('Redis may forget visits that it has counted; set "appendonly yes" and "appendfsync always"', {
      appendonly,
      appendfsync,
    })
  } catch (error) {
    if (!(error instanceof ReplyError)) throw error
    log.info('Redis does not say whether it keeps what it has counted', { reason: (error as Error).message })
  }
}
