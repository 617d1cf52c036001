import type { Pool, PoolClient } from 'pg'

export interface AuditEntry {
  readonly at: Date
  readonly actor: string
  readonly action: string
  readonly subject: string | null
  readonly detail: string | null
}

/** Who did what to which desktop or person. Written beside what is done; never altered. */
export function createAudit(pool: Pool) {
  return {
    async write(
      actor: string,
      action: string,
      subject?: string,
      detail?: string,
      client: Pool | PoolClient = pool,
    ) {
      await client.query(
        'insert into desktop_audit (actor, action, subject, detail) values ($1, $2, $3, $4)',
        [actor, action, subject ?? null, detail ?? null],
      )
    },
    /** The newest first. */
    async read(limit: number): Promise<AuditEntry[]> {
      const { rows } = await pool.query<AuditEntry>(
        'select at, actor, action, subject, detail from desktop_audit order by id desc limit $1',
        [limit],
      )
      return rows
    },
  }
}

export type Audit = ReturnType<typeof createAudit>
