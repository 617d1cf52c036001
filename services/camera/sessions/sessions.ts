import { createHash, randomBytes, randomUUID } from 'node:crypto'
import type { Database } from '../../shared/database.ts'
import { Problem } from '../../shared/problem.ts'

/** One visit of one person. */
export interface Session {
  readonly id: string
  readonly participantId: string | null
  readonly participantName: string | null
  readonly createdAt: Date
  readonly expiresAt: Date
}

export interface Person {
  readonly participantId: string | undefined
  readonly participantName: string | undefined
  readonly videoType: string | undefined
}

export interface Sessions {
  /** The token is told here and never again: only its hash is kept. */
  create(person: Person): Promise<{ session: Session; token: string }>
  /**
   * The session that a token opens. Throws a Problem 401 if it opens none, be it unknown or too old, and 403 if it is
   * not the session that was asked for: then the token is good, but for somebody else's recordings it is nothing.
   */
  open(token: string | undefined, asked?: string): Promise<Session>
}

export function createSessions(db: Database, { hours }: { hours: number }): Sessions {
  return {
    async create({ participantId, participantName, videoType }) {
      const token = randomBytes(32).toString('base64url')
      const { rows } = await db.pool.query<Row>(
        `insert into sessions (id, token_hash, participant_id, participant_name, video_type, expires_at)
         values ($1, $2, $3, $4, $5, now() + make_interval(hours => $6)) returning *`,
        [
          randomUUID(),
          hashOf(token),
          participantId ?? null,
          participantName ?? null,
          videoType ?? null,
          hours,
        ],
      )
      return { session: sessionOf(rows[0] as Row), token }
    },

    async open(token, asked) {
      // What cannot be a token costs no query.
      if (token === undefined || !/^[\w-]{43}$/.test(token)) throw unknownToken('A session token is needed')
      const { rows } = await db.pool.query<Row>(
        'select * from sessions where token_hash = $1 and expires_at > now()',
        [hashOf(token)],
      )
      const [row] = rows
      if (row === undefined) throw unknownToken('This session is over; begin a new one')
      if (asked !== undefined && asked !== row.id)
        throw new Problem(403, 'The token belongs to another session')
      return sessionOf(row)
    },
  }
}

// --- internal ---

interface Row {
  id: string
  participant_id: string | null
  participant_name: string | null
  created_at: Date
  expires_at: Date
}

function sessionOf(row: Row): Session {
  return {
    id: row.id,
    participantId: row.participant_id,
    participantName: row.participant_name,
    createdAt: row.created_at,
    expiresAt: row.expires_at,
  }
}

/** 256 random bits need no salt and no slow hash. */
function hashOf(token: string): Buffer {
  return createHash('sha256').update(token).digest()
}

function unknownToken(title: string): Problem {
  return new Problem(401, title, { headers: { 'WWW-Authenticate': 'Bearer' } })
}
