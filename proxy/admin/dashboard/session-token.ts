import { createHmac, timingSafeEqual } from 'node:crypto'

/**
 * A session that is nothing but signed text: who, until when, and a signature. No table is kept, so a restart ends no
 * session, and nobody can fill one.
 */
export interface SessionClaims {
  readonly user: string
  /** Unix seconds. */
  readonly ends: number
}

/** Milliseconds that somebody stays signed in: a long night. */
export const sessionLife = 12 * 3_600_000

/**
 * `mark` is what the session stands on: for a person the line of the password file, so that a new password, or a line that
 * is gone, ends the sessions of before; for a command the word that no line can be.
 */
export function signSession({ user, ends }: SessionClaims, key: Buffer, mark: string): string {
  const text = `${Buffer.from(user).toString('base64url')}.${ends}`
  return `${text}.${signatureOf(text, key, mark).toString('base64url')}`
}

/** Answers what the text claims if its signature holds and its end has not come. `markOf`: undefined for who is unknown. */
export function verifySession(
  token: string,
  key: Buffer,
  markOf: (user: string) => string | undefined,
): SessionClaims | undefined {
  const [, name, ends, signature] = form.exec(token) ?? []
  if (name === undefined || ends === undefined || signature === undefined) return undefined
  const user = Buffer.from(name, 'base64url').toString()
  const mark = markOf(user)
  if (mark === undefined) return undefined
  const expected = signatureOf(`${name}.${ends}`, key, mark)
  const given = Buffer.from(signature, 'base64url')
  if (given.length !== expected.length || !timingSafeEqual(given, expected)) return undefined
  return Number(ends) * 1000 > Date.now() ? { user, ends: Number(ends) } : undefined
}

/** What `gatehouse top` and `tail` stand on: the key alone. A line of a password file always holds a colon. */
export const commandMark = 'a command of this machine'
export const commandUser = 'gatehouse'
/** Milliseconds that the token of a command holds: it makes another for each call. */
export const commandLife = 60_000

const form = /^([A-Za-z0-9_-]{1,400})\.(\d{10})\.([A-Za-z0-9_-]{43})$/

function signatureOf(text: string, key: Buffer, mark: string): Buffer {
  return createHmac('sha256', key).update(`gatehouse-dashboard\n${mark}\n${text}`).digest()
}
