import { hash } from 'node:crypto'
import { MemoryStore, type Options as StoreOptions } from 'express-rate-limit'
import { subscriberOf } from '../../address.ts'
import type { PolicyOptions } from '../../config/policy-schemas.ts'
import type { Facts } from '../facts.ts'
import type { Count, CountStore, LimitStore, PolicyContext } from './context.ts'
import { boundKeys, mostKeys, storeByPolicy } from './limit-store.ts'
import { deny, type HeaderEntry, type Policy, pass, type Verdict } from './policy.ts'
import { countDespiteFailure } from './spare-count.ts'

type Options = PolicyOptions<'rateLimit'>

/**
 * Passes N exchanges in each window and answers 429 to the rest. Windows are fixed: one begins with the first
 * request of its key. Refused requests count, and so do those of a policy in observe mode. A rehearsal looks
 * and does not count.
 *
 * The store of express-rate-limit is asked directly. Its middleware is not run: it needs an Express response
 * to write the refusal to, which an upgrade and `explain` do not have, and returns only by way of promises.
 *
 * `by: claim:NAME` runs after `jwt`, where the claims come from; every other limit runs before passwords and
 * tokens are looked at, and so protects those, too. `by: header:NAME` believes the client: it shares out
 * fairly among clients that mean well, and holds back none that makes up a new value for every request.
 */
export function rateLimit(options: Options, context: PolicyContext): Policy {
  if (options.by.startsWith('claim:') && context.policies.jwt === undefined)
    throw new Error(
      `\`by: ${options.by}\` needs the policy jwt on the same route: claims are those of its token`,
    )
  const name = `${context.route}/rateLimit`
  const store = countDespiteFailure({
    store: context.limits.storeFor(name, options.per, options.limit),
    spare: () => spareLimits.storeFor(name, options.per),
    onFailure: (why) => context.onBackgroundError(`rateLimit of route ${context.route}: ${why}`),
  })
  const keyOf = readBy(options.by)
  const judge = judgeBy(options)
  const policy: Policy = {
    name: 'rateLimit',
    mode: options.mode,
    decide: function rateLimit(facts) {
      const key = keyOf(facts)
      if (facts.rehearsal) return rehearse(store, key, judge)
      const count = store.increment(key)
      return count instanceof Promise ? count.then((value) => judge(key, value)) : judge(key, count)
    },
  }
  return options.by.startsWith('claim:') ? { ...policy, needsClaims: true } : policy
}

/** Counts in the memory of this process. `most` bounds the keys of one policy. */
export function memoryLimits(most = mostKeys): LimitStore {
  return storeByPolicy((windowMs) => {
    const memory = new MemoryStore()
    // It reads nothing but the window from the options of the middleware. Once nobody asks it any more, it
    // is empty after two windows.
    memory.init({ windowMs } as StoreOptions)
    return countIn(memory, windowMs, most)
  })
}

/**
 * MemoryStore counts before it answers, but answers by promise and with an object that goes on counting, so
 * that two requests of one tick would both read 2. Read at once from its map, each gets its own number.
 */
function countIn(memory: MemoryStore, windowMs: number, most: number): CountStore {
  return {
    increment(key) {
      // As the store itself does at the end of each window.
      boundKeys(memory, most)
      // A clock that was set back would make the window longer by as much.
      const before = memory.current.get(key) ?? memory.previous.get(key)
      if (before !== undefined && before.resetTime.getTime() - Date.now() > windowMs + clockDrift)
        void memory.resetKey(key)
      void memory.increment(key)
      const { totalHits, resetTime } = memory.current.get(key) as Count
      return { totalHits, resetTime }
    },
    get: (key) => memory.get(key),
  }
}

/** Milliseconds. */
const clockDrift = 1_000

/** What a failing shared store is replaced with, until it is back. Kept for all tables: a reload forgives nobody. */
const spareLimits = memoryLimits()

async function rehearse(store: CountStore, key: string, judge: Judge): Promise<Verdict> {
  const count = await store.get?.(key)
  return judge(key, { totalHits: (count?.totalHits ?? 0) + 1, resetTime: count?.resetTime })
}

type Judge = (key: string, count: Count) => Verdict

/** RateLimit and RateLimit-Policy as in draft-ietf-httpapi-ratelimit-headers-08. */
function judgeBy({ limit, per, mode }: Options): Judge {
  const window = Math.ceil(per / 1000)
  const title = `"${limit}-in-${window}s"`
  const policyField: HeaderEntry = ['ratelimit-policy', `${title};q=${limit};w=${window}`]
  return function judge(key, { totalHits, resetTime }) {
    const left = resetTime === undefined ? per : resetTime.getTime() - Date.now()
    const seconds = Math.max(1, Math.ceil(left / 1000))
    const remaining = Math.max(0, limit - totalHits)
    const fields: HeaderEntry[] = [policyField, ['ratelimit', `${title};r=${remaining};t=${seconds}`]]
    // A client told of a limit in observe mode would hold back from one that is not there.
    if (totalHits <= limit) return mode === 'observe' ? pass : { verdict: 'pass', responseHeaders: fields }
    fields.push(['retry-after', String(seconds)])
    return deny('rate_limited', `${key.split('=', 1)[0]} is past ${limit} in ${window} s`, fields)
  }
}

/**
 * Keys carry their kind, so that no header value can pass for an address. Without the field or the claim a
 * client counts by its address: one bucket for all of them would let anybody use up everybody's share.
 */
function readBy(by: string): (facts: Facts) => string {
  if (by === 'client') return clientKey
  if (by === 'route') return () => 'route'
  const [kind, name = ''] = by.split(/:(.*)/s)
  if (kind === 'header') {
    const field = name.toLowerCase()
    return (facts) => valueKey(by, facts.headers.get(field)) ?? clientKey(facts)
  }
  return (facts) => valueKey(by, facts.claims?.[name]) ?? clientKey(facts)
}

/**
 * By digest, because a header may be an API key, which belongs in no store, and may have many kilobytes, which
 * would be kept for a whole window.
 */
function valueKey(by: string, value: unknown): string | undefined {
  if (typeof value !== 'string' && typeof value !== 'number' && typeof value !== 'boolean') return undefined
  if (value === '') return undefined
  return `${by}=${hash('sha256', String(value), 'base64url')}`
}

function clientKey({ client }: Facts): string {
  return subscriberOf(client)
}
