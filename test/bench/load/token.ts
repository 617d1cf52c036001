import { createHmac } from 'node:crypto'

/** The HMAC secret that the proxies check tokens against. */
export const secret = 'a secret of the measurements, and of nothing else in this world'

/** A token (HS256) for that subject, good for an hour. */
export function signToken(subject: string): string {
  const now = Math.floor(Date.now() / 1000)
  const parts = [
    { alg: 'HS256', typ: 'JWT' },
    { sub: subject, iat: now, exp: now + 3600 },
  ]
  const body = parts.map((part) => Buffer.from(JSON.stringify(part)).toString('base64url')).join('.')
  return `${body}.${createHmac('sha256', secret).update(body).digest('base64url')}`
}
