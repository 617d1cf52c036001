import { createHmac, timingSafeEqual } from 'node:crypto'
import type { Request } from 'express'
import { Problem } from './problem.ts'

export interface SessionCookieSettings {
  /** Of the cookie. Its prefix is `__Host-`: https only, this host only, every path. */
  readonly name: string
  /** At least 32 bytes. Another one ends all sessions. */
  readonly key: string | Buffer
  /** Seconds that a session lasts. */
  readonly life: number
}

export interface SessionCookie {
  /** The Set-Cookie field that begins a session. */
  issue(subject: string): string
  /** The Set-Cookie field that ends it. */
  end(): string
  /** Whose session a request has. Undefined without one, or with one that is over or not ours. */
  subjectOf(request: Pick<Request, 'headers'>): string | undefined
}

/** Sessions that are nothing but a signed cookie: no table, and nothing that a script on the page could read. */
export function sessionCookie({ name, key, life }: SessionCookieSettings): SessionCookie {
  const cookie = `__Host-${name}`
  const sign = (text: string) => createHmac('sha256', key).update(`${cookie} ${text}`).digest()
  const attributes = 'Path=/; Secure; HttpOnly; SameSite=Strict'
  return {
    issue(subject) {
      const ends = Math.floor(Date.now() / 1000) + life
      const text = `${Buffer.from(subject).toString('base64url')}.${ends}`
      return `${cookie}=${text}.${sign(text).toString('base64url')}; Max-Age=${life}; ${attributes}`
    },
    end: () => `${cookie}=; Max-Age=0; ${attributes}`,
    subjectOf({ headers }) {
      for (const value of valuesOf(headers.cookie ?? '', cookie)) {
        const [subject = '', ends = '', signature = ''] = value.split('.')
        const expected = sign(`${subject}.${ends}`)
        const given = Buffer.from(signature, 'base64url')
        const isOurs = given.length === expected.length && timingSafeEqual(given, expected)
        if (isOurs && Number(ends) > Date.now() / 1000) return Buffer.from(subject, 'base64url').toString()
      }
      return undefined
    },
  }
}

/**
 * Throws a Problem if a page of another origin made the browser send a request that changes something. SameSite keeps
 * cookies from other sites, but a neighbour such as another.example.com is the same site; Sec-Fetch-Site and Origin tell
 * them apart. A client that is no browser sends neither, and has no cookies to be robbed of.
 */
export function refuseForeign({ method, headers }: Pick<Request, 'method' | 'headers'>): void {
  if (method === 'GET' || method === 'HEAD') return
  const site = headers['sec-fetch-site']
  const isOwn = site === undefined ? isOwnOrigin(headers.origin, headers.host) : site === 'same-origin'
  if (!isOwn) throw new Problem(403, 'This was sent by a page of another site, and nothing was done')
}

// --- internal ---

function valuesOf(field: string, name: string): string[] {
  return field.split(';').flatMap((pair) => {
    const [key = '', value = ''] = pair.trim().split('=', 2)
    return key === name ? [value] : []
  })
}

function isOwnOrigin(origin: string | undefined, host: string | undefined): boolean {
  if (origin === undefined) return true
  return URL.canParse(origin) && new URL(origin).host === host
}
