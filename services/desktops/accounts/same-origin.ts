import type { NextFunction, Request, Response } from 'express'
import { Problem } from '../../shared/problem.ts'

/**
 * Refuses what a page of another origin made a browser send (CSRF). SameSite keeps the cookie from other sites, but
 * another.example.com is the same site as example.com: Sec-Fetch-Site and Origin tell them apart. What reads changes
 * nothing and passes. A client that is no browser sends neither, and nobody lends it a cookie.
 */
export function refuseForeign(request: Request, _response: Response, next: NextFunction): void {
  const { method, headers } = request
  if (method === 'GET' || method === 'HEAD') return next()
  const site = headers['sec-fetch-site']
  const origin = headers.origin
  const isBrowser = site !== undefined || origin !== undefined
  if (!isBrowser) return next()
  // A page that sends no referrer says `null` where the browser could say more by Sec-Fetch-Site.
  const isOwn =
    site === undefined
      ? URL.canParse(origin ?? '') && new URL(origin ?? '').host === headers.host
      : site === 'same-origin'
  if (isOwn) return next()
  next(new Problem(403, 'This was sent by a page of another site, and nothing was done'))
}
