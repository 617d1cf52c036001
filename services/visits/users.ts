import { z } from 'zod'
import { postgresAddress } from '../shared/environment.ts'
import type { Logger } from '../shared/logger.ts'
import { hashPassword } from '../shared/password.ts'

/** Who may sign in, with hashes of their passwords. */
export interface Users {
  /** The hash of a user's password as a PHC string, or undefined where nobody has that name. */
  hashOf(name: string): Promise<string | undefined>
  /** Adds a user, or gives one another password. */
  set(name: string, hash: string): Promise<'added' | 'changed'>
  /** Answers whether there was one. */
  remove(name: string): Promise<boolean>
  areNone(): Promise<boolean>
  close(): Promise<void>
}

/** The part of the environment that says where users are kept. */
export const usersSettings = z.object({
  /** Where users and visits are kept if not in Postgres and Redis. */
  DATA_DIR: z.string().default('data/visits'),
  /** `postgres://…`: keeps users there instead of in DATA_DIR. */
  DATABASE_URL: postgresAddress.optional(),
})

export const userName = z
  .string()
  .normalize()
  .regex(/^[\p{L}\p{N}._@-]{1,64}$/u, 'a name has 1 to 64 letters, digits, and . _ @ -')

export const newPassword = z.string().normalize().min(8, 'a password has at least 8 characters').max(1024)

/** Makes the first user, where there is none. Without a password to give, it says how to make one. */
export async function addFirstUser(
  users: Users,
  { name, password }: { name: string; password: string | undefined },
  log: Logger,
): Promise<void> {
  if (!(await users.areNone())) return
  if (password === undefined) {
    log.warn('nobody can sign in: there is no user yet. Add one: npm run visits:user -- NAME')
    return
  }
  await users.set(name, await hashPassword(password))
  log.info('the first user was added', { user: name })
}
