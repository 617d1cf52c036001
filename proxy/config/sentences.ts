import { choose, didYouMean, list } from './mend.ts'
import { type Finding, type Path, splitMend } from './problem.ts'
import type { Source } from './source.ts'

/**
 * Turns what a schema found into sentences. A message of our own schemas reads on from the value ("is not a
 * duration; write …"); where none was given, the words are made here.
 */
export interface Issue {
  readonly code?: string
  readonly path: Path
  readonly message: string
  readonly expected?: string
  readonly values?: readonly unknown[]
  readonly keys?: readonly string[]
  readonly known?: readonly string[]
  readonly errors?: readonly (readonly Issue[])[]
  readonly issues?: readonly Issue[]
  readonly minimum?: number | bigint
  readonly maximum?: number | bigint
  readonly origin?: string
  readonly prefix?: string
}

/**
 * To be given to every `safeParse`: a schema's own message stays, all others become empty, and an unknown key
 * brings along the keys that are known there.
 */
export function plainWords(issue: object): string {
  const { code, inst } = issue as { code?: string; inst?: { _zod?: { def?: { shape?: object } } } }
  const shape = inst?._zod?.def?.shape
  if (code === 'unrecognized_keys' && shape) Object.assign(issue, { known: Object.keys(shape) })
  return ''
}

/** The findings of one parse; `base` is where the parsed value stands in the file. */
export function describeIssues(issues: readonly Issue[], base: Path, source: Source): Finding[] {
  return issues
    .flatMap((issue) => describeIssue(issue, base, source))
    .filter((finding) => !source.isUnread(finding.path))
    .map((finding) => (source.isFromEnvironment(finding.path) ? withoutEcho(finding) : finding))
}

/** Begins a sentence with the value, as it stands in the file. */
export function say(source: Source, path: Path, predicate: string): { message: string; mend?: string } {
  const { message, mend } = splitMend(predicate)
  const shown = source.show(path)
  return { message: shown === undefined ? message : `${shown} ${message}`, mend }
}

function describeIssue(issue: Issue, base: Path, source: Source): Finding[] {
  const path = [...base, ...issue.path]
  switch (issue.code) {
    case 'unrecognized_keys':
      return (issue.keys ?? []).map((key) => describeUnknownKey(key, path, issue.known ?? []))
    case 'invalid_key': {
      const words = issue.issues?.[0]?.message || 'is not a name'
      const { message, mend } = splitMend(words)
      return [{ path, message: `"${String(path.at(-1))}" ${message}`, mend, at: 'key' }]
    }
    case 'invalid_union':
      return describeUnion(issue, path, source)
    default: {
      const value = valueAt(source.value, path)
      if (value === undefined) return [describeMissing(issue, path)]
      return [{ path, ...say(source, path, issue.message || wordsOf(issue, value)) }]
    }
  }
}

function describeUnknownKey(key: string, path: Path, known: readonly string[]): Finding {
  return {
    path: [...path, key],
    message: `"${key}" is not a key of this block`,
    mend: choose(key, known),
    at: 'key',
  }
}

function describeMissing(issue: Issue, path: Path): Finding {
  const own = issue.message === '' ? undefined : splitMend(issue.message).mend
  return { path, message: 'is missing', mend: own ?? (issue.expected && `write ${wordOf(issue.expected)}`) }
}

/**
 * Of a value that may have several forms, only the one that was meant is spoken of: the one whose type fits. A list
 * with a bad entry is a bad entry, and not "neither a list nor a block".
 */
function describeUnion(issue: Issue, path: Path, source: Source): Finding[] {
  const value = valueAt(source.value, path)
  const branches = issue.errors ?? []
  const fitting = branches.filter((branch) => !branch.some(isOfOtherKind))
  const meant = fitting.length > 0 ? fewest(fitting) : undefined
  const inside = meant?.some((found) => found.path.length > 0 || found.code === 'unrecognized_keys')
  if (issue.message !== '' && !inside) return [{ path, ...say(source, path, issue.message) }]
  if (meant) return meant.flatMap((found) => describeIssue(found, path, source))
  if (value === undefined)
    return [{ path, message: 'is missing', mend: `write ${list(formsOf(issue), 'or')}` }]
  return [{ path, ...say(source, path, describeNeither(issue, value)) }]
}

function isOfOtherKind(issue: Issue): boolean {
  if (issue.path.length > 0) return false
  if (issue.code === 'invalid_union')
    return (issue.errors ?? []).every((branch) => branch.some(isOfOtherKind))
  return issue.code === 'invalid_type' || issue.code === 'invalid_value'
}

function fewest(branches: readonly (readonly Issue[])[]): readonly Issue[] | undefined {
  return branches.toSorted((a, b) => a.length - b.length)[0]
}

function describeNeither(issue: Issue, value: unknown): string {
  const forms = formsOf(issue)
  const words = forms.length === 2 ? `is neither ${list(forms, 'nor')}` : `is none of ${list(forms, 'or')}`
  const text = typeof value === 'string' && !value.includes('${') ? value : undefined
  const options = valuesOf(issue).filter((option) => typeof option === 'string')
  if (text !== undefined && didYouMean(text, options)) return `${words}; ${didYouMean(text, options)}`
  const isBare = typeof value === 'string' || typeof value === 'number'
  if (isBare && forms.includes('a list'))
    return `${subjectOf(value)}${words}; put it in brackets: [${String(text ?? '…')}]`
  return `${subjectOf(value)}${words}`
}

function formsOf(issue: Issue): string[] {
  const forms = (issue.errors ?? []).flatMap((branch) =>
    branch.filter(isOfOtherKind).flatMap((found) => {
      if (found.code === 'invalid_union') return formsOf(found)
      return found.code === 'invalid_value'
        ? (found.values ?? []).map(String)
        : [wordOf(found.expected ?? '')]
    }),
  )
  return [...new Set(forms)]
}

function valuesOf(issue: Issue): unknown[] {
  return (issue.errors ?? []).flatMap((branch) =>
    branch.flatMap((found) => [...(found.values ?? []), ...valuesOf(found)]),
  )
}

function wordsOf(issue: Issue, value: unknown): string {
  switch (issue.code) {
    case 'invalid_type':
      return describeOtherType(issue.expected ?? '', value)
    case 'invalid_value':
      return describeOtherValue(issue.values ?? [], value)
    case 'too_small':
      if (issue.origin === 'array') return 'is empty; name at least one'
      if (issue.origin !== 'string') return `is too small; the least is ${issue.minimum}`
      return Number(issue.minimum) > 1
        ? `is too short; the least are ${issue.minimum} characters`
        : 'is too short'
    case 'too_big':
      return issue.origin === 'number' || issue.origin === 'int'
        ? `is too large; the most is ${issue.maximum}`
        : `is too long; the most is ${issue.maximum}`
    default:
      return 'does not fit here'
  }
}

function describeOtherType(expected: string, value: unknown): string {
  const word = wordOf(expected)
  if (value === null) return `is empty; write ${word}`
  const text = typeof value === 'string' ? value : undefined
  if (/^(int|number)$/.test(expected) && text !== undefined && /^\d+$/.test(text))
    return `is not ${word}; remove the quotes`
  if (expected === 'int' && typeof value === 'number') return `is not ${word}`
  if (expected === 'boolean' && text !== undefined) {
    if (/^(yes|on|true)$/i.test(text)) return `is not ${word}; write true`
    if (/^(no|off|false)$/i.test(text)) return `is not ${word}; write false`
  }
  if (expected === 'string' && (typeof value === 'number' || typeof value === 'boolean'))
    return `is not ${word}; put it in quotes`
  if (expected === 'array' && typeof value !== 'object') return `is not ${word}; put it in brackets: […]`
  return typeof value === 'object' ? `is ${kindOf(value)} and not ${word}` : `is not ${word}`
}

function describeOtherValue(values: readonly unknown[], value: unknown): string {
  const options = values.map(String)
  const near = typeof value === 'string' ? didYouMean(value, options) : undefined
  const words = options.length === 1 ? `is not ${options[0]}` : `is none of ${list(options, 'or')}`
  return `${subjectOf(value)}${words}${near ? `; ${near}` : ''}`
}

/** What stands there, where it is no scalar that could be shown. */
function subjectOf(value: unknown): string {
  if (value === null) return 'has no value and '
  return typeof value === 'object' ? `is ${kindOf(value)} and ` : ''
}

function kindOf(value: unknown): string {
  return Array.isArray(value) ? 'a list' : 'a block of keys'
}

function wordOf(expected: string): string {
  return words[expected] ?? expected
}

const words: Readonly<Record<string, string>> = {
  string: 'text',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
  array: 'a list',
  object: 'a block of keys',
  record: 'a block of keys',
}

/** A suggestion is made of the value, and this one came from the environment. */
function withoutEcho(finding: Finding): Finding {
  const echoes = /did you mean|brackets:/.test(finding.mend ?? '')
  const mend = echoes ? undefined : finding.mend
  return { ...finding, message: `${finding.message}, once the environment is filled in`, mend }
}

export function valueAt(root: unknown, path: Path): unknown {
  let value = root
  for (const part of path) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, part)) return undefined
    value = (value as Record<PropertyKey, unknown>)[part]
  }
  return value
}
