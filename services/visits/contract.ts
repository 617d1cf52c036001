import { z } from 'zod'

/**
 * What is said between a client and this service. Requests are read by these schemas, and the OpenAPI document is made
 * from them, so the two cannot differ.
 */

export const loginRequest = z
  .object({
    username: z
      .string()
      .min(1)
      .max(64)
      .normalize()
      .meta({ examples: ['admin'] }),
    password: z
      .string()
      .min(1)
      .max(1024)
      .normalize()
      .meta({ format: 'password', examples: ['k7qm-x2vd-9fht-3wpn'] }),
  })
  .meta({ description: 'Who signs in.' })

const loginAnswer = z
  .object({ token: z.string().meta({ description: 'For `Authorization: Bearer`, for one hour.' }) })
  .meta({ description: 'A token.' })

const pingAnswer = z.object({ status: z.literal('ok') }).meta({ description: 'The service is there.' })

const countAnswer = z
  .object({ visits: z.int().min(1).meta({ description: 'Visits so far, this one included.' }) })
  .meta({ description: 'The visit has been counted.' })

const problem = z
  .object({
    title: z.string().meta({ description: 'A sentence that says what to do.' }),
    status: z.int().min(400).max(599),
    requestId: z.string().optional().meta({ description: 'Under which the logs have it.' }),
  })
  .meta({ description: 'A refusal, as problem details (RFC 9457).' })

export const schemas = {
  LoginRequest: loginRequest,
  LoginAnswer: loginAnswer,
  PingAnswer: pingAnswer,
  CountAnswer: countAnswer,
  Problem: problem,
}

interface Operation {
  readonly method: 'get' | 'post'
  readonly path: string
  readonly summary: string
  readonly description: string
  readonly body?: keyof typeof schemas
  readonly answer: keyof typeof schemas
  /** Status: what it means here. */
  readonly refusals: Readonly<Record<number, string>>
  /** Whether it asks for a token. */
  readonly token: boolean
}

export const operations = {
  login: {
    method: 'post',
    path: '/flask/auth/login',
    summary: 'Sign in',
    description: 'Answers a token that is good for one hour.',
    body: 'LoginRequest',
    answer: 'LoginAnswer',
    refusals: {
      400: 'A field is missing or too long.',
      401: 'The name or the password is not right.',
      429: 'Too many wrong tries with this name or from this address. `Retry-After` says when to come back.',
      503: 'Try again in a moment.',
    },
    token: false,
  },
  count: {
    method: 'get',
    path: '/flask/api/count',
    summary: 'Count a visit',
    description: 'Adds one, and answers how many that makes.',
    answer: 'CountAnswer',
    refusals: {
      401: 'There is no token, or it is not valid any more.',
      503: 'The count is away. Try again in a moment.',
    },
    token: true,
  },
  ping: {
    method: 'get',
    path: '/flask/api/ping',
    summary: 'Whether the service is there',
    description: 'Needs no token.',
    answer: 'PingAnswer',
    refusals: {},
    token: false,
  },
} as const satisfies Record<string, Operation>
