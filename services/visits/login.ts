import type { ErrorRequestHandler, NextFunction, Request, RequestHandler, Response } from 'express'
import type { Logger } from '../shared/logger.ts'
import { verifyPassword } from '../shared/password.ts'
import { Problem } from '../shared/problem.ts'
import { loginRequest } from './contract.ts'
import { limitWrongLogins } from './login-limits.ts'
import { logins } from './metrics.ts'
import { readBody } from './read-body.ts'
import type { RedisLine } from './redis-line.ts'
import type { Tokens } from './token.ts'
import type { Users } from './users.ts'

export interface LoginNeeds {
  readonly users: Users
  readonly tokens: Tokens
  readonly log: Logger
  /** Where wrong logins of several processes are counted together. */
  readonly line?: RedisLine
}

/**
 * `POST {username, password}` answers `{token}`. An unknown name and a wrong password get one answer after one time.
 * Each refusal is one line of the log, with the client's address, which deploy/fail2ban/ knows.
 */
export function login({ users, tokens, log, line }: LoginNeeds): (RequestHandler | ErrorRequestHandler)[] {
  const verify = inTurn(verifyPassword)

  function read(request: Request, _response: Response, next: NextFunction): void {
    request.body = readBody(loginRequest, request.body)
    next()
  }

  async function answer(request: Request, response: Response): Promise<void> {
    const { username, password } = request.body
    const hash = await users.hashOf(username)
    if (!(await verify(password, hash)))
      throw new Problem(401, 'The name or the password is not right', {
        headers: { 'WWW-Authenticate': 'Bearer' },
      })
    response.set('Cache-Control', 'no-store').json({ token: await tokens.sign(username) })
    logins.add({ result: 'right' })
  }

  function tell(error: unknown, request: Request, _response: Response, next: NextFunction): void {
    const { status = 500 } = error as { status?: number }
    // Who sent no name and password has not tried.
    if (status === 401 || status === 429 || status >= 500) logins.add({ result: resultOf(status) })
    // The address first: what follows was chosen by the client, and a filter must not be led astray by it.
    if (status === 401 || status === 429)
      log.warn('a login was refused', { address: request.ip ?? '', status, user: request.body.username })
    next(error)
  }

  return [read, ...limitWrongLogins(line), answer, tell]
}

// --- internal ---

function resultOf(status: number) {
  return status === 401 ? 'wrong' : status === 429 ? 'limited' : 'failed'
}

/** Verifying takes 19 MB and tens of milliseconds of a core, which is an attack by itself if it is not limited. */
const [atOnce, mostWaiting] = [2, 60]

function inTurn<Args extends unknown[], Answer>(work: (...args: Args) => Promise<Answer>) {
  const waiting: (() => void)[] = []
  let running = 0
  return async function workInTurn(...args: Args): Promise<Answer> {
    if (waiting.length >= mostWaiting)
      throw new Problem(503, 'Too many sign in at once; try again in a moment', {
        headers: { 'Retry-After': '2' },
      })
    if (running >= atOnce) await new Promise<void>((resolve) => waiting.push(resolve))
    else running++
    try {
      return await work(...args)
    } finally {
      const next = waiting.shift()
      if (next) next()
      else running--
    }
  }
}
