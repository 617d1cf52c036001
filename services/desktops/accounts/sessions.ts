import { randomBytes, randomUUID } from 'node:crypto'
import { mkdir, rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { CookieOptions, Request, Response } from 'express'
import { jwtVerify, SignJWT } from 'jose'
import type { Pool } from 'pg'
import type { Role, User } from './users.ts'

/**
 * Who is signed in. The cookie is a signed token, and Gatehouse's `jwt` policy checks it on every request and every
 * WebSocket of a desktop: its claim `desktop` names the desktops that it opens.
 *
 * A token cannot be called back, so the ids of sessions that were ended stand in a file that the policy follows
 * (`revoked`). The table is the truth, and the file is written whole from it.
 */
export interface Session {
  readonly id: string
  readonly user: User
}

export interface SessionsSettings {
  readonly pool: Pool
  readonly key: string
  /** Seconds. */
  readonly life: number
  readonly folder: string
}

/** Its prefix: https alone, this host alone, so that no neighbour of the same domain can plant one. */
const cookieName = '__Host-gatehouse_session'
/** The policies in routes.yaml ask for it, so that no other token of that key passes for one. */
const audience = 'gatehouse-desktops'

export async function createSessions({ pool, key, life, folder }: SessionsSettings) {
  const secret = Buffer.from(key)
  const file = join(folder, 'signed-out.txt')
  const cookie: CookieOptions = {
    httpOnly: true,
    secure: true,
    sameSite: 'lax',
    path: '/',
    maxAge: life * 1000,
  }
  let writing: Promise<void> = Promise.resolve()
  await writeSignedOut()

  /** One after the other: an old list must not replace a new one. */
  function writeSignedOut(): Promise<void> {
    writing = writing
      .catch(() => {})
      .then(async () => {
        const { rows } = await pool.query<{ id: string }>(
          'select id from desktop_sessions where ended_at is not null and expires_at > now()',
        )
        await mkdir(folder, { recursive: true })
        const draft = `${file}.${randomBytes(4).toString('hex')}`
        await writeFile(draft, rows.map(({ id }) => `${id}\n`).join(''), { mode: 0o640 })
        await rename(draft, file)
      })
    return writing
  }

  async function sign(session: Session, keys: readonly string[]): Promise<string> {
    const { id, user } = session
    return new SignJWT({ sid: id, role: user.role, desktop: keys })
      .setProtectedHeader({ alg: 'HS256', typ: 'JWT' })
      .setSubject(user.name)
      .setAudience(audience)
      .setJti(randomUUID())
      .setIssuedAt()
      .setExpirationTime(`${life}s`)
      .sign(secret)
  }

  /** What a request's cookie says, if it is ours and the session goes on. */
  async function read(
    request: Request,
  ): Promise<{ session: Session; keys: unknown; issuedAt: number } | undefined> {
    const token = cookieOf(request)
    if (token === undefined) return undefined
    const verified = await jwtVerify(token, secret, { audience, algorithms: ['HS256'] }).catch(
      () => undefined,
    )
    const { sid, desktop, iat } = verified?.payload ?? {}
    if (typeof sid !== 'string') return undefined
    const { rows } = await pool.query<{ id: string; name: string; role: Role }>(
      `select users.id, name, role from desktop_sessions sessions join desktop_users users on users.id = user_id
       where sessions.id = $1 and ended_at is null and expires_at > now() and removed_at is null`,
      [sid],
    )
    const [user] = rows
    return user && { session: { id: sid, user }, keys: desktop, issuedAt: iat ?? 0 }
  }

  return {
    async begin(user: User, request: Request): Promise<Session> {
      const { rows } = await pool.query<{ id: string }>(
        `insert into desktop_sessions (user_id, expires_at, address, browser)
         values ($1, now() + make_interval(secs => $2), $3, $4) returning id`,
        [user.id, life, request.ip ?? null, request.get('user-agent')?.slice(0, 200) ?? null],
      )
      return { id: (rows[0] as { id: string }).id, user }
    },
    read,
    /** Gives a browser the cookie for these desktops. */
    async hand(response: Response, session: Session, keys: readonly string[]): Promise<void> {
      response.cookie(cookieName, await sign(session, keys), cookie)
    },
    /** The same, where its cookie is for other desktops or a quarter of its life is over. Prolongs the session. */
    async renew(request: Request, response: Response, keys: readonly string[]): Promise<void> {
      const found = await read(request)
      if (found === undefined) return
      const isOld = Date.now() / 1000 - found.issuedAt > life / 4
      if (!isOld && JSON.stringify(found.keys) === JSON.stringify(keys)) return
      await pool.query(
        'update desktop_sessions set expires_at = now() + make_interval(secs => $2) where id = $1 and ended_at is null',
        [found.session.id, life],
      )
      response.cookie(cookieName, await sign(found.session, keys), cookie)
    },
    clear: (response: Response): void =>
      void response.clearCookie(cookieName, { ...cookie, maxAge: undefined }),
    async end(session: Session): Promise<void> {
      await pool.query('update desktop_sessions set ended_at = now() where id = $1 and ended_at is null', [
        session.id,
      ])
      await writeSignedOut()
    },
    /** Signs a person out everywhere. Answers how many sessions that ended. */
    async endAll(user: User): Promise<number> {
      const { rowCount } = await pool.query(
        'update desktop_sessions set ended_at = now() where user_id = $1 and ended_at is null and expires_at > now()',
        [user.id],
      )
      await writeSignedOut()
      return rowCount ?? 0
    },
  }
}

export type Sessions = Awaited<ReturnType<typeof createSessions>>

// --- internal ---

function cookieOf(request: Request): string | undefined {
  for (const pair of (request.headers.cookie ?? '').split(';')) {
    const sign = pair.indexOf('=')
    if (sign !== -1 && pair.slice(0, sign).trim() === cookieName) return pair.slice(sign + 1).trim()
  }
  return undefined
}
