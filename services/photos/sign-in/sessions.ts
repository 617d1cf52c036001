import { createSecretKey, randomUUID } from 'node:crypto'
import { jwtVerify, SignJWT } from 'jose'
import type { Database } from '../../shared/database.ts'
import type { User } from './users.ts'

export interface Session {
  readonly id: string
  readonly user: User
}

export interface Sessions {
  /** Signs a token that holds for so many seconds. */
  begin(user: User, seconds: number): Promise<{ session: Session; token: string }>
  /** The session of a token; undefined if the token is wrong, or too old, or its session was ended, or its user is gone. */
  find(token: string): Promise<Session | undefined>
  /** Its token is refused from now on. */
  end(id: string): Promise<void>
}

/** Sessions, each with a JSON Web Token that the proxy can check by itself, with the same key. */
export function createSessions(
  { pool }: Database,
  { key, algorithm }: { key: string; algorithm: string },
): Sessions {
  const secret = createSecretKey(Buffer.from(key))
  return {
    async begin(user, seconds) {
      const id = randomUUID()
      await pool.query(
        'insert into photo_sessions (id, user_id, expires_at) values ($1, $2, now() + make_interval(secs => $3))',
        [id, user.id, seconds],
      )
      const token = await new SignJWT({ user_id: user.id, role: user.role, session_id: id })
        .setProtectedHeader({ alg: algorithm, typ: 'JWT' })
        .setSubject(user.username)
        .setIssuedAt()
        .setExpirationTime(`${seconds} s`)
        .sign(secret)
      return { session: { id, user }, token }
    },
    async find(token) {
      const id = await sessionIdOf(token)
      if (id === undefined) return undefined
      const { rows } = await pool.query<User>(
        `select u.id, username, role from photo_sessions s join photo_users u on u.id = user_id
         where s.id = $1 and ended_at is null and expires_at > now()`,
        [id],
      )
      return rows[0] && { id, user: rows[0] }
    },
    async end(id) {
      await pool.query('update photo_sessions set ended_at = now() where id = $1 and ended_at is null', [id])
    },
  }

  async function sessionIdOf(token: string): Promise<string | undefined> {
    try {
      const { payload } = await jwtVerify(token, secret, {
        algorithms: [algorithm],
        requiredClaims: ['exp', 'session_id'],
      })
      return typeof payload.session_id === 'string' && isUuid(payload.session_id)
        ? payload.session_id
        : undefined
    } catch {
      return undefined
    }
  }
}

/** Postgres throws at what is none. */
export function isUuid(text: unknown): text is string {
  return typeof text === 'string' && /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(text)
}
