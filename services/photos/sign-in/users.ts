import { randomUUID } from 'node:crypto'
import type { Database } from '../../shared/database.ts'
import { hashPassword, verifyPassword } from '../../shared/password.ts'

export interface User {
  readonly id: string
  readonly username: string
  readonly role: 'admin' | 'user'
}

/** Who may sign in. */
export interface Users {
  /** The user of that name, if the password is theirs. It takes as long for a name that nobody has. */
  check(username: string, password: string): Promise<User | undefined>
  /** Answers undefined if the name is taken. */
  add(username: string, password: string): Promise<User | undefined>
  /** With their sessions and rows; the files go at the next clean-up. Answers whether there was one. */
  remove(id: string): Promise<boolean>
  list(): Promise<User[]>
}

export function createUsers({ pool }: Database): Users {
  return {
    async check(username, password) {
      const { rows } = await pool.query<User & { password_hash: string }>(
        'select id, username, role, password_hash from photo_users where username = $1',
        [username],
      )
      const isRight = await verifyPassword(password, rows[0]?.password_hash)
      if (!isRight || rows[0] === undefined) return undefined
      const { id, username: name, role } = rows[0]
      return { id, username: name, role }
    },
    async add(username, password) {
      const { rows } = await pool.query<User>(
        `insert into photo_users (id, username, password_hash, role) values ($1, $2, $3, 'user')
         on conflict (username) do nothing returning id, username, role`,
        [randomUUID(), username, await hashPassword(password)],
      )
      return rows[0]
    },
    async remove(id) {
      const { rowCount } = await pool.query(`delete from photo_users where id = $1 and role <> 'admin'`, [id])
      return rowCount === 1
    },
    async list() {
      const { rows } = await pool.query<User>('select id, username, role from photo_users order by username')
      return rows
    },
  }
}

/** Makes the user of the settings, or gives them the password of the settings. Others who were admins are users then. */
export async function ensureAdmin({ pool }: Database, username: string, password: string): Promise<void> {
  const { rows } = await pool.query<{ password_hash: string; role: string }>(
    'select password_hash, role from photo_users where username = $1',
    [username],
  )
  await pool.query(`update photo_users set role = 'user' where role = 'admin' and username <> $1`, [username])
  if (rows[0]?.role === 'admin' && (await verifyPassword(password, rows[0].password_hash))) return
  await pool.query(
    `insert into photo_users (id, username, password_hash, role) values ($1, $2, $3, 'admin')
     on conflict (username) do update set password_hash = excluded.password_hash, role = 'admin'`,
    [randomUUID(), username, await hashPassword(password)],
  )
}
