import { join } from 'node:path'
import type { Facts } from './facts.ts'
import type { ResponseHead } from './policies/policy.ts'
import { listenerRedirect } from './respond/redirect.ts'
import type { Folder } from './respond/serve-file.ts'

/** What listeners do with requests that no route serves. */
export interface ListenerRules {
  /** The port, as clients see it, of the encrypted listener that a listener sends the unmatched to. */
  redirectPort(listener: string): number | undefined
  /** Folders of a listener for /.well-known/acme-challenge/, absolute, in the order in which a proof is looked for. */
  acmeWebroots(listener: string): readonly string[]
}

/** What becomes of a request that no route serves. */
export type Unmatched =
  | { readonly kind: 'challenge'; readonly folders: readonly Folder[]; readonly prefix: string }
  | { readonly kind: 'redirect'; readonly head: ResponseHead }
  | { readonly kind: 'nothing' }

/**
 * An ACME challenge, a redirect of the whole listener, or nothing. An upgrade is not redirected: no client of
 * WebSockets follows one. Throws `host_invalid` for a host that could not stand in a Location.
 */
export function judgeUnmatched(facts: Facts, rules: ListenerRules): Unmatched {
  const webroots = rules.acmeWebroots(facts.listener)
  if (webroots.length > 0 && facts.path.startsWith(acmePath))
    return {
      kind: 'challenge',
      folders: webroots.map((webroot) => ({ root: join(webroot, acmePath), index: '', spa: false })),
      prefix: acmePath.slice(0, -1),
    }
  const port = facts.upgrade ? undefined : rules.redirectPort(facts.listener)
  return port === undefined ? { kind: 'nothing' } : { kind: 'redirect', head: listenerRedirect(facts, port) }
}

const acmePath = '/.well-known/acme-challenge/'
