import { join } from 'node:path'
import type { z } from 'zod'
import type { Logger } from '../shared/logger.ts'
import type { Users, usersSettings } from './users.ts'
import { usersInFile } from './users-file.ts'
import { usersInPostgres } from './users-postgres.ts'

/** Opens the users of Postgres, or of a file. Rejects if they cannot be read. */
export async function openUsers(
  { DATA_DIR, DATABASE_URL }: z.infer<typeof usersSettings>,
  log: Logger,
): Promise<Users> {
  if (DATABASE_URL !== undefined) return usersInPostgres(DATABASE_URL, DATA_DIR, log)
  return usersInFile(join(DATA_DIR, 'users.htpasswd'), log)
}
