import type { Request, RequestHandler, Response } from 'express'
import { ipKeyGenerator, MemoryStore, rateLimit, type Store } from 'express-rate-limit'
import { RedisStore } from 'rate-limit-redis'
import { Problem } from '../shared/problem.ts'
import { NotAnswered, type RedisLine } from './redis-line.ts'

/**
 * How often somebody may be wrong in a quarter of an hour: with one name, whoever tries it, and from one address,
 * whichever names it tries. A name that does not exist is counted like one that does. A login counts as wrong until it
 * has turned out right, so that tries at the same time do not all slip through.
 */
const wrongLogins = { perAddress: 10, perName: 20, minutes: 15 } as const

/** Middleware for a request whose body has been read: it throws a 429. In Redis, processes count together. */
export function limitWrongLogins(line: RedisLine | undefined): RequestHandler[] {
  return [
    limiter('address', wrongLogins.perAddress, ({ ip }) => ipKeyGenerator(ip ?? ''), line),
    limiter('name', wrongLogins.perName, ({ body }) => body.username, line),
  ]
}

// --- internal ---

function limiter(
  by: string,
  limit: number,
  keyGenerator: (request: Request) => string,
  line: RedisLine | undefined,
): RequestHandler {
  return rateLimit({
    windowMs: wrongLogins.minutes * 60_000,
    limit,
    keyGenerator,
    store: line === undefined ? new MemoryStore() : storeIn(line, by),
    skipSuccessfulRequests: true,
    // A database that is away makes nobody's password wrong. Nor does one who was put off have a wrong one: an office behind
    // one address that signs in at nine would be shut out for a quarter of an hour.
    requestWasSuccessful: (_request, { statusCode }) => statusCode !== 401,
    legacyHeaders: false,
    handler(_request: Request, response: Response, next) {
      const seconds = Number(response.get('Retry-After') ?? wrongLogins.minutes * 60)
      const headers = { 'Retry-After': String(seconds) }
      const minutes = Math.ceil(seconds / 60)
      next(new Problem(429, `Too many wrong tries; come back in ${minutes} min`, { headers, limitedBy: by }))
    },
    // The keys are of our own making.
    validate: false,
  })
}

function storeIn({ redis, ask }: RedisLine, by: string): Store {
  return new RedisStore({
    prefix: `visits:wrong-logins:${by}:`,
    sendCommand: async (command: string, ...args: string[]) => {
      try {
        return (await ask(() => redis.call(command, ...args))) as string
      } catch (error) {
        if (!(error instanceof NotAnswered)) throw error
        throw new Problem(503, 'Nobody can sign in just now; try again in a moment', {
          headers: { 'Retry-After': '5' },
        })
      }
    },
  })
}
