import { json, type RequestHandler, Router } from 'express'
import { z } from 'zod'
import type { Logger } from '../../shared/logger.ts'
import { hashPassword, verifyPassword } from '../../shared/password.ts'
import { Problem } from '../../shared/problem.ts'
import { refuseForeign, type SessionCookie } from '../../shared/session-cookie.ts'
import { limitWrongSignIns } from '../../shared/wrong-sign-ins.ts'

export interface SignInSettings {
  readonly user: string
  readonly password: string
  readonly cookie: SessionCookie
  readonly log: Logger
}

const credentials = z.object({ username: z.string().max(200), password: z.string().max(200) })

/** Signs in and out: `POST`, `GET` and `DELETE /admin/session`. */
export async function sessionRoutes({ user, password, cookie, log }: SignInSettings): Promise<Router> {
  const hash = await hashPassword(password)
  const router = Router()
  router.use('/admin/session', (_request, response, next) => {
    response.set('Cache-Control', 'no-store')
    next()
  })
  router.post('/admin/session', limitWrongSignIns(), json({ limit: '4kb' }), async (request, response) => {
    refuseForeign(request)
    const given = credentials.safeParse(request.body)
    if (!given.success) throw new Problem(400, 'Send {"username", "password"} as JSON')
    const { username } = given.data
    const isRight = await verifyPassword(given.data.password, username === user ? hash : undefined)
    if (!isRight) {
      log.warn('a sign-in failed', { client: request.ip, user: username })
      throw new Problem(401, 'That name and password do not fit')
    }
    response.set('Set-Cookie', cookie.issue(username)).json({ user: username })
  })
  router.get('/admin/session', (request, response) => {
    const subject = cookie.subjectOf(request)
    if (subject === undefined) throw new Problem(401, 'Sign in first')
    response.json({ user: subject })
  })
  router.delete('/admin/session', (request, response) => {
    refuseForeign(request)
    response.set('Set-Cookie', cookie.end()).status(204).end()
  })
  return router
}

/** Lets only those pass who have signed in, and nothing that a page of another site made them send. */
export function signedIn(cookie: SessionCookie): RequestHandler {
  return (request, response, next) => {
    refuseForeign(request)
    if (cookie.subjectOf(request) === undefined) throw new Problem(401, 'Sign in first')
    response.set('Cache-Control', 'no-store')
    next()
  }
}
