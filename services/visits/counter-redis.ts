import type { Redis } from 'ioredis'
import type { Logger } from '../shared/logger.ts'
import { rarely } from '../shared/metrics.ts'
import { type Counter, countIsAway, remembered } from './counter.ts'
import { NotAnswered, type RedisLine } from './redis-line.ts'

/**
 * The count in Redis, for any number of processes. A connection may break after Redis has counted and before we hear of
 * it, and nobody can tell that from before. So the script remembers the request beside the count, in one step, and is
 * asked again until there is an answer.
 */
export function countInRedis({ redis, ask }: RedisLine, log: Logger): Counter {
  redis.defineCommand('addVisit', { numberOfKeys: 2, lua: script })
  return {
    async add(requestId) {
      try {
        return await ask(() => (redis as WithScript).addVisit(countKey, requestKey(requestId), remembered))
      } catch (error) {
        if (!(error instanceof NotAnswered)) log.error('Redis does not count', { error })
        throw countIsAway()
      }
    },
    // Not by `ask`, which waits for a Redis that is away: whoever wants to know wants to know now.
    canKeep: rarely(() => redis.ping()),
    close: async () => {},
  }
}

// --- internal ---

interface WithScript extends Redis {
  addVisit(count: string, request: string, seconds: number): Promise<number>
}

// What is in braces decides in which part of a cluster a key lies: both must lie in one.
const countKey = '{visits}:count'
const requestKey = (id: string) => `{visits}:request:${id}`

const script = `
local known = redis.call('GET', KEYS[2])
if known then return tonumber(known) end
local number = redis.call('INCR', KEYS[1])
redis.call('SET', KEYS[2], number, 'EX', ARGV[1])
return number`
