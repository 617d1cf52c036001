import type { RequestHandler } from 'express'
import { rateLimit } from 'express-rate-limit'
import { Problem } from './problem.ts'

const wrongSignIns = { perAddress: 20, minutes: 15 } as const

/**
 * Middleware for the request that signs somebody in: it throws once an address has sent so many wrong passwords that it
 * guesses them. Right ones are not counted, so a person may sign in as often as they like, and neither is what was put
 * off or found no database. A sign-in counts until it has turned out right, so tries at one time do not all slip through.
 */
export function limitWrongSignIns(
  refuse = (sentence: string, headers: Record<string, string>) => new Problem(429, sentence, { headers }),
): RequestHandler {
  return rateLimit({
    windowMs: wrongSignIns.minutes * 60_000,
    limit: wrongSignIns.perAddress,
    skipSuccessfulRequests: true,
    requestWasSuccessful: (_request, { statusCode }) => statusCode !== 401,
    standardHeaders: false,
    legacyHeaders: false,
    // The proxy sends `Forwarded` as well as `X-Forwarded-For`, which is the one that is read.
    validate: { forwardedHeader: false },
    handler: (_request, _response, next) =>
      next(
        refuse('Too many wrong sign-ins. Try again in a quarter of an hour.', {
          'Retry-After': String(wrongSignIns.minutes * 60),
        }),
      ),
  })
}
