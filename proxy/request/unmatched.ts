import { existsSync } from 'node:fs'
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
  /** Folder where the proxy itself lays proofs of its own orders for that listener, absolute. */
  ownProofs(listener: string): string | undefined
}

/** What becomes of a request that no route serves. */
export type Unmatched =
  | { readonly kind: 'challenge'; readonly folders: readonly Folder[]; readonly prefix: string }
  | { readonly kind: 'redirect'; readonly head: ResponseHead }
  | { readonly kind: 'nothing' }

/**
 * The proof of an order of ours that is under way. It comes before any route: one that takes every path of the plain
 * listener, or asks who the client is, would keep the authority from it, and certificates would end one by one. Only
 * for tokens that are there: for any other the path is a path like all.
 */
export function findOwnProof(
  facts: Pick<Facts, 'listener' | 'path' | 'upgrade'>,
  rules: ListenerRules,
): Extract<Unmatched, { kind: 'challenge' }> | undefined {
  if (!facts.path.startsWith(acmePath) || facts.upgrade) return undefined
  const folder = rules.ownProofs(facts.listener)
  const token = facts.path.slice(acmePath.length)
  if (folder === undefined || !/^[A-Za-z0-9_-]{16,256}$/.test(token)) return undefined
  return existsSync(join(folder, acmePath, token)) ? challengeIn([folder]) : undefined
}

/**
 * An ACME challenge, a redirect of the whole listener, or nothing. An upgrade is not redirected: no client of
 * WebSockets follows one. Throws `host_invalid` for a host that could not stand in a Location.
 */
export function judgeUnmatched(facts: Facts, rules: ListenerRules): Unmatched {
  const webroots = rules.acmeWebroots(facts.listener)
  if (webroots.length > 0 && facts.path.startsWith(acmePath)) return challengeIn(webroots)
  const port = facts.upgrade ? undefined : rules.redirectPort(facts.listener)
  return port === undefined ? { kind: 'nothing' } : { kind: 'redirect', head: listenerRedirect(facts, port) }
}

function challengeIn(webroots: readonly string[]): Extract<Unmatched, { kind: 'challenge' }> {
  return {
    kind: 'challenge',
    folders: webroots.map((webroot) => ({ root: join(webroot, acmePath), index: '', spa: false })),
    prefix: acmePath.slice(0, -1),
  }
}

const acmePath = '/.well-known/acme-challenge/'
