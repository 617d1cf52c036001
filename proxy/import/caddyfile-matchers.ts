import type { CaddyLine } from './caddyfile-syntax.ts'
import { closeRoute } from './guards.ts'
import type { Imported } from './imported.ts'

/** Which requests a matcher takes, as far as that can be said here. */
export interface Matcher {
  readonly paths?: readonly string[]
  readonly methods?: readonly string[]
  readonly allow?: readonly string[]
  readonly deny?: readonly string[]
  /** It looks at something else as well, and so takes fewer requests than it says here. */
  readonly isUnknown?: true
}

/** Reads a named one; what cannot be said here is left out aloud. */
export function matcherOf(line: CaddyLine, imported: Imported): Matcher {
  const entries = line.block?.map(({ words, line: at }) => ({ words, line: at })) ?? [
    { words: line.words.slice(1), line: line.line },
  ]
  let matcher: Matcher = {}
  for (const { words, line: at } of entries) {
    const not = words[0] === 'not'
    const [kind = '', ...values] = not ? words.slice(1) : words
    const isRepeated =
      kind in { path: 0, method: 0 } && (kind === 'path' ? matcher.paths : matcher.methods) !== undefined
    if (kind === 'path' && !not && !isRepeated && values.every(isPrefix))
      matcher = { ...matcher, paths: values }
    else if (kind === 'method' && !not && !isRepeated) matcher = { ...matcher, methods: values }
    else if (/^(remote_ip|client_ip)$/.test(kind) && (not ? matcher.deny : matcher.allow) === undefined) {
      const networks = values
        .flatMap((value) => (value === 'private_ranges' ? privateRanges : [value]))
        .filter((value) => value !== 'forwarded')
      matcher = not ? { ...matcher, deny: networks } : { ...matcher, allow: networks }
    } else {
      matcher = { ...matcher, isUnknown: true }
      imported.leftOut.push({
        line: at,
        text: words.join(' '),
        why: 'a matcher looks at paths, methods and addresses here',
      })
    }
  }
  return matcher
}

/** The matcher of a directive: by name, a path, or none. */
export function matcherIn(word: string | undefined, named: ReadonlyMap<string, Matcher>): Matcher {
  if (word === undefined || word === '*') return {}
  if (word.startsWith('@')) return named.get(word) ?? { isUnknown: true }
  return isPrefix(word) ? { paths: [word] } : { paths: [word], isUnknown: true }
}

/** `/api`, `/api/*`, `/api*`, and no other place for a star. */
function isPrefix(path: string): boolean {
  return /^\/[^*]*\*?$/.test(path)
}

type Policies = Readonly<Record<string, unknown>>

/**
 * Policies of a block with what a matcher in it says of addresses. Nobody comes further than by either alone, also where
 * the block was closed: lists of those who may pass have in common what both name.
 */
export function narrow(policies: Policies, matcher: Matcher | undefined): Policies {
  const narrowed: Record<string, unknown> = { ...policies }
  const denied = [...listIn(policies.deny), ...(matcher?.deny ?? [])]
  if (denied.length > 0) narrowed.deny = denied
  if (matcher?.allow === undefined) return narrowed
  const around = listIn(policies.allow)
  const both = around.length === 0 ? matcher.allow : matcher.allow.filter((each) => around.includes(each))
  if (both.length > 0) narrowed.allow = both
  else closeRoute({ policies: narrowed })
  return narrowed
}

/** Policies of a block of which a matcher by addresses alone takes some away, to be refused. */
export function without(policies: Policies, { allow, deny }: Matcher): Policies {
  // Whom `not remote_ip` names is whom it does not take.
  return narrow(policies, { ...(allow && { deny: allow }), ...(deny && { allow: deny }) })
}

// --- internal ---

function listIn(value: unknown): readonly string[] {
  return Array.isArray(value) ? value : []
}

const privateRanges = ['192.168.0.0/16', '172.16.0.0/12', '10.0.0.0/8', '127.0.0.1/8', 'fd00::/8', '::1']
