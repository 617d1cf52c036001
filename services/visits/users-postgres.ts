import { openDatabase } from '../shared/database.ts'
import type { Logger } from '../shared/logger.ts'
import type { Users } from './users.ts'

/** Users in a table of Postgres, which several processes may share. Queries reject while it is away. */
export async function usersInPostgres(url: string, folder: string, log: Logger): Promise<Users> {
  const migrations = new URL('migrations/', import.meta.url)
  const { pool, close } = await openDatabase({ url, folder, migrations, log })
  return {
    async hashOf(name) {
      const { rows } = await pool.query<{ password_hash: string }>(
        'select password_hash from visits_users where name = $1',
        [name],
      )
      return rows[0]?.password_hash
    },
    async set(name, hash) {
      const { rows } = await pool.query<{ is_new: boolean }>(
        // A row that the statement itself has made has not been changed by any transaction.
        `insert into visits_users (name, password_hash) values ($1, $2)
         on conflict (name) do update set password_hash = excluded.password_hash, changed_at = now()
         returning xmax = 0 as is_new`,
        [name, hash],
      )
      return rows[0]?.is_new ? 'added' : 'changed'
    },
    async remove(name) {
      const { rowCount } = await pool.query('delete from visits_users where name = $1', [name])
      return rowCount === 1
    },
    async areNone() {
      const { rows } = await pool.query('select 1 from visits_users limit 1')
      return rows.length === 0
    },
    close,
  }
}
