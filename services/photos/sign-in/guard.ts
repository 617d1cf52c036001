import type { Request, RequestHandler, Response } from 'express'
import { refusal } from '../refusal.ts'
import type { Session, Sessions } from './sessions.ts'

/**
 * The cookie of the page. Pictures in an <img> and event streams can send no Authorization field, so the page goes by a
 * cookie, and no script can read it. `__Host-`: a sibling host of the same domain can neither set nor replace it.
 */
export const sessionCookie = '__Host-photos'

/**
 * Lets through who is signed in: by `Authorization: Bearer`, or by the cookie. A cookie comes along with whatever a page
 * anywhere asks for, so what changes something must have been asked for by this page itself (CSRF).
 */
export function guard(sessions: Sessions): RequestHandler {
  return async function requireSession(request, response, next) {
    const bearer = /^Bearer +([\w.-]+)$/i.exec(request.get('authorization') ?? '')?.[1]
    const cookie = cookieOf(request, sessionCookie)
    if (bearer === undefined && cookie === undefined) throw unauthorized('Not authenticated')
    if (bearer === undefined && !isRead(request) && !isOfThisPage(request))
      throw refusal(403, 'This was asked for by another site, and is not done.')
    const session = await sessions.find((bearer ?? cookie) as string)
    if (session === undefined) throw unauthorized('Your session has ended. Please sign in again.')
    response.locals.session = session
    next()
  }
}

/** Who asks. Only behind `guard`. */
export function sessionOf(response: Response): Session {
  return response.locals.session as Session
}

// --- internal ---

function unauthorized(sentence: string) {
  return refusal(401, sentence, { headers: { 'WWW-Authenticate': 'Bearer' } })
}

function isRead({ method }: Request): boolean {
  return method === 'GET' || method === 'HEAD'
}

/** Browsers send `Sec-Fetch-Site`, and `Origin` with everything that is not a GET; no page can forge either. */
function isOfThisPage(request: Request): boolean {
  const site = request.get('sec-fetch-site')
  const origin = request.get('origin')
  if (site !== undefined) return site === 'same-origin'
  return origin !== undefined && URL.parse(origin)?.host === request.get('host')
}

function cookieOf(request: Request, name: string): string | undefined {
  for (const part of (request.get('cookie') ?? '').split(';')) {
    const [key, value] = part.trim().split('=', 2)
    if (key === name && value) return value
  }
  return undefined
}
