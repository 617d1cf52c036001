import type { Logger } from '../shared/logger.ts'
import type { Sessions } from './accounts/sessions.ts'
import type { Users } from './accounts/users.ts'
import type { Audit } from './audit.ts'
import type { Kind } from './catalogue.ts'
import type { Desktops } from './desktops.ts'
import type { DockerHosts } from './docker/docker-hosts.ts'
import type { Idle } from './idle.ts'
import type { Reconcile } from './reconcile.ts'

/** What the routes stand on. */
export interface Parts {
  readonly users: Users
  readonly sessions: Sessions
  readonly desktops: Desktops
  readonly hosts: DockerHosts
  readonly kinds: ReadonlyMap<string, Kind>
  readonly reconcile: Pick<Reconcile, 'poke' | 'look'>
  readonly idle: Idle
  readonly audit: Audit
  readonly instance: string
  readonly limits: { readonly perUser: number; readonly inAll: number }
  readonly log: Logger
  /** Rejects if the database is away. */
  checkHealth(): Promise<void>
}
