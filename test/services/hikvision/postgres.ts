import { needs } from '../../harness/parts.ts'
import type { Teardown } from '../../harness/teardown.ts'
import { startPostgres } from '../postgres.ts'

/** The databases that a service may stand on, with what a test needs for them, and the settings of the service. */
export const databases: [
  name: string,
  needed: { skip: false | string },
  settings: (t: Teardown) => Promise<Record<string, string>>,
][] = [
  ['the embedded database', { skip: false }, async () => ({})],
  ['Postgres', needs('postgresql'), async (t) => ({ DATABASE_URL: (await startPostgres(t)).url })],
]
