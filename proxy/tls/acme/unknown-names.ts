/** Tells of names that clients ask for, that no certificate has, and that may be given one. */
export type UnknownNames = (name: string) => void

/**
 * How many different names are told within so many milliseconds; each of them once. Short, as a name that came in the
 * midst of a flood and was not asked about has to be told again.
 */
const most = 50
const within = 5_000

/**
 * Anybody can make up names by the million. One that matches none of `patterns` costs a comparison for each of them, and
 * of the others few are told; the rest are as if they had not come. `patterns`: hosts in lower case, or
 * with `*.` in the place of one label.
 */
export function tellUnknownNames(
  patterns: () => readonly string[] | undefined,
  tell: (name: string) => void,
): UnknownNames {
  let told = new Set<string>()
  let since = 0
  return (given) => {
    const known = patterns()
    if (known === undefined) return
    const name = given.toLowerCase()
    if (!matchesAny(known, name)) return
    const now = performance.now()
    if (now - since > within) {
      told = new Set()
      since = now
    }
    if (told.size >= most || told.has(name)) return
    told.add(name)
    tell(name)
  }
}

/** Whether one of the patterns is for that name, and the name is one that can stand in a certificate. */
export function matchesAny(patterns: readonly string[], name: string): boolean {
  const dot = name.indexOf('.')
  if (dot < 1) return false
  const wildcard = `*${name.slice(dot)}`
  return patterns.some((pattern) => pattern === name || pattern === wildcard) && hostForm.test(name)
}

/** RFC 1123 §2.1, and no `_`, which no authority certifies. */
const hostForm = /^(?=.{1,253}$)([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/
