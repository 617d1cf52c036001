import { isDeepStrictEqual } from 'node:util'

/** One thing that another configuration changes, in the words of routes.yaml. */
export interface Difference {
  /** `route close`, `upstream photos`, `limits`. */
  readonly of: string
  readonly kind: 'added' | 'removed' | 'changed'
  /** Of a change: `policies.allow: 10.8.0.0/16 added`. Of a new route: what it does. */
  readonly details: readonly string[]
}

/**
 * What changes from one routes.yaml to another, read as values: comments, order within a block and spelling do not
 * count. Routes are told apart by their names.
 */
export function differenceOf(before: unknown, after: unknown): Difference[] {
  const [was, willBe] = [block(before), block(after)]
  const found: Difference[] = []
  for (const [part, noun] of named) {
    const [old, next] = [entriesOf(was[part]), entriesOf(willBe[part])]
    for (const [name, value] of next)
      if (!old.has(name)) found.push({ of: `${noun} ${name}`, kind: 'added', details: outline(value) })
    for (const [name, value] of old) {
      const now = next.get(name)
      if (now === undefined) found.push({ of: `${noun} ${name}`, kind: 'removed', details: outline(value) })
      else if (!isDeepStrictEqual(value, now))
        found.push({ of: `${noun} ${name}`, kind: 'changed', details: changes(value, now, '') })
    }
  }
  for (const key of new Set([...Object.keys(was), ...Object.keys(willBe)])) {
    if (named.some(([part]) => part === key) || isDeepStrictEqual(was[key], willBe[key])) continue
    const kind = !(key in was) ? 'added' : !(key in willBe) ? 'removed' : 'changed'
    const details = kind === 'changed' ? changes(was[key], willBe[key], '') : outline(was[key] ?? willBe[key])
    const reach = key === 'defaults' ? ' (of every route that does not say otherwise)' : ''
    found.push({ of: `${key}${reach}`, kind, details })
  }
  return found
}

// --- internal ---

/** The parts whose entries have names. */
const named = [
  ['listeners', 'listener'],
  ['upstreams', 'upstream'],
  ['extensions', 'extension'],
  ['routes', 'route'],
] as const

function entriesOf(value: unknown): Map<string, unknown> {
  if (!Array.isArray(value)) return new Map(Object.entries(block(value)))
  return new Map(
    value.map((entry: unknown, index) => {
      const { name, ...rest } = block(entry)
      return [typeof name === 'string' ? name : String(index), rest]
    }),
  )
}

function block(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
    ? (value as Record<string, unknown>)
    : {}
}

/** What an entry says, a line a key. */
function outline(value: unknown): string[] {
  return Object.entries(block(value)).map(([key, part]) => `${key}: ${show(part)}`)
}

function changes(was: unknown, now: unknown, path: string): string[] {
  if (isDeepStrictEqual(was, now)) return []
  const at = path === '' ? '' : `${path}: `
  if (Array.isArray(was) || Array.isArray(now)) return listChanges(asList(was), asList(now), at)
  if (isBlock(was) && isBlock(now))
    return [...new Set([...Object.keys(was), ...Object.keys(now)])].flatMap((key) => {
      const inner = path === '' ? key : `${path}.${key}`
      if (!(key in was)) return [`${inner}: ${show(now[key])} added`]
      if (!(key in now)) return [`${inner}: ${show(was[key])} removed`]
      return changes(was[key], now[key], inner)
    })
  return [`${at}${show(was)} → ${show(now)}`]
}

/** `host: a` and `host: [a]` mean the same. */
function asList(value: unknown): readonly unknown[] {
  return value === undefined ? [] : Array.isArray(value) ? value : [value]
}

function listChanges(was: readonly unknown[], now: readonly unknown[], at: string): string[] {
  const lacks = (list: readonly unknown[]) => (item: unknown) =>
    !list.some((other) => isDeepStrictEqual(item, other))
  const gone = was.filter(lacks(now)).map((item) => `${at}${show(item)} removed`)
  const come = now.filter(lacks(was)).map((item) => `${at}${show(item)} added`)
  return gone.length + come.length > 0 || was.length !== now.length
    ? [...gone, ...come]
    : [`${at}in another order`]
}

function isBlock(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function show(value: unknown): string {
  if (Array.isArray(value)) return value.map(show).join(', ')
  if (!isBlock(value)) return String(value)
  return `{ ${Object.entries(value)
    .map(([key, part]) => `${key}: ${show(part)}`)
    .join(', ')} }`
}
