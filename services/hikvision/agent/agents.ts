import { createHash, randomBytes } from 'node:crypto'
import type { Database } from '../../shared/database.ts'
import { Problem } from '../../shared/problem.ts'

/** The agents that may connect, by their tokens. */
export interface Agents {
  list(): Promise<{ id: number; name: string; lastSeen: Date | null }[]>
  /** Answers the token, which nobody can be told a second time. */
  add(name: string): Promise<{ id: number; token: string }>
  remove(id: number): Promise<void>
  identify(token: string): Promise<number | undefined>
  noteSeen(id: number): Promise<void>
}

export function openAgents({ pool }: Database): Agents {
  return {
    async list() {
      const { rows } = await pool.query(
        'select id::integer, name, last_seen as "lastSeen" from agents order by name',
      )
      return rows
    },
    async add(name) {
      const token = randomBytes(32).toString('base64url')
      const { rows } = await pool.query<{ id: string }>(
        'insert into agents (name, token_hash) values ($1, $2) on conflict (name) do nothing returning id',
        [name, hashOf(token)],
      )
      if (rows[0] === undefined) throw new Problem(409, 'There is an agent of that name')
      return { id: Number(rows[0].id), token }
    },
    async remove(id) {
      const { rowCount } = await pool.query('delete from agents where id = $1', [id])
      if (rowCount === 0) throw new Problem(404, 'There is no such agent')
    },
    async identify(token) {
      const { rows } = await pool.query<{ id: string }>('select id from agents where token_hash = $1', [
        hashOf(token),
      ])
      return rows[0] && Number(rows[0].id)
    },
    async noteSeen(id) {
      await pool.query('update agents set last_seen = now() where id = $1', [id])
    },
  }
}

// --- internal ---

/** A token is random enough that a fast hash of it tells nothing. */
function hashOf(token: string): string {
  return createHash('sha256').update(token).digest('hex')
}
