import type { Pool } from 'pg'
import { z } from 'zod'
import { hashPassword, verifyPassword } from '../../shared/password.ts'
import { Problem } from '../../shared/problem.ts'

export type Role = 'user' | 'admin'

export interface User {
  readonly id: string
  readonly name: string
  readonly role: Role
}

/** A name is a part of addresses and of names of containers. */
export const userName = z
  .string('is missing')
  .regex(/^[a-z0-9][a-z0-9-]{0,30}$/, 'is 1 to 31 small letters, digits and -, and begins with no -')
export const newPassword = z
  .string('is missing')
  .min(8, 'is shorter than 8 characters')
  .max(256, 'is longer than 256 characters')

/** The people who may have desktops. */
export function createUsers(pool: Pool) {
  return {
    /** Undefined if there is no such person, or the password is another; both take as long. */
    async signIn(name: string, password: string): Promise<User | undefined> {
      const { rows } = await pool.query<User & { password: string }>(
        'select id, name, role, password from desktop_users where name = $1 and removed_at is null',
        [name],
      )
      const found = rows[0]
      if (!(await verifyPassword(password, found?.password)) || found === undefined) return undefined
      return { id: found.id, name: found.name, role: found.role }
    },
    async add(name: string, password: string, role: Role): Promise<User> {
      const { rows } = await pool.query<User>(
        `insert into desktop_users (name, password, role) values ($1, $2, $3)
         on conflict (name) do nothing returning id, name, role`,
        [name, await hashPassword(password), role],
      )
      const [added] = rows
      // A name that somebody had is not given again: the address of desktops would go with it.
      if (added === undefined) throw new Problem(409, `There is, or was, a person called ${name}`)
      return added
    },
    async setPassword(name: string, password: string): Promise<User> {
      const { rows } = await pool.query<User>(
        'update desktop_users set password = $2 where name = $1 and removed_at is null returning id, name, role',
        [name, await hashPassword(password)],
      )
      return rows[0] ?? unknown(name)
    },
    async remove(name: string): Promise<User> {
      const { rows } = await pool.query<User>(
        `update desktop_users set removed_at = now(), password = '' where name = $1 and removed_at is null
         returning id, name, role`,
        [name],
      )
      return rows[0] ?? unknown(name)
    },
    async list(): Promise<(User & { createdAt: Date })[]> {
      const { rows } = await pool.query(
        'select id, name, role, created_at as "createdAt" from desktop_users where removed_at is null order by name',
      )
      return rows
    },
    /** Makes the first one, while there is nobody. */
    async addFirst(password: string | undefined): Promise<'made' | 'there' | 'no password'> {
      const { rows } = await pool.query('select 1 from desktop_users limit 1')
      if (rows.length > 0) return 'there'
      if (password === undefined) return 'no password'
      await pool.query(
        `insert into desktop_users (name, password, role) values ('admin', $1, 'admin') on conflict do nothing`,
        [await hashPassword(password)],
      )
      return 'made'
    },
  }
}

export type Users = ReturnType<typeof createUsers>

function unknown(name: string): never {
  throw new Problem(404, `There is no person called ${name}`)
}
