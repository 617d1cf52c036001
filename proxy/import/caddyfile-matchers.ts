import type { CaddyLine } from './caddyfile-syntax.ts'
import { closeRoute } from './guards.ts'
import type { Imported } from './imported.ts'

/** Which requests a named matcher (`@name`) takes, as far as that can be said here. */
export interface Matcher {
  readonly paths?: readonly string[]
  readonly methods?: readonly string[]
  readonly allow?: readonly string[]
  readonly deny?: readonly string[]
}

/** Reads one; what cannot be said here is left out aloud. */
export function matcherOf(line: CaddyLine, imported: Imported): Matcher {
  const entries = line.block?.map(({ words, line: at }) => ({ words, line: at })) ?? [
    { words: line.words.slice(1), line: line.line },
  ]
  let matcher: Matcher = {}
  for (const { words, line: at } of entries) {
    const not = words[0] === 'not'
    const [kind = '', ...values] = not ? words.slice(1) : words
    if (kind === 'path' && !not) matcher = { ...matcher, paths: values }
    else if (kind === 'method' && !not) matcher = { ...matcher, methods: values }
    else if (kind === 'remote_ip') {
      const networks = values
        .flatMap((value) => (value === 'private_ranges' ? privateRanges : [value]))
        .filter((value) => value !== 'forwarded')
      matcher = not ? { ...matcher, deny: networks } : { ...matcher, allow: networks }
    } else
      imported.leftOut.push({
        line: at,
        text: words.join(' '),
        why: 'a matcher looks at paths, methods and addresses here',
      })
  }
  return matcher
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

// --- internal ---

function listIn(value: unknown): readonly string[] {
  return Array.isArray(value) ? value : []
}

const privateRanges = ['192.168.0.0/16', '172.16.0.0/12', '10.0.0.0/8', '127.0.0.1/8', 'fd00::/8', '::1']
