import { isAlias, isMap, isScalar, isSeq, type Node, parseDocument, type YAMLError } from 'yaml'
import { interpolate, isInterpolated } from './interpolate.ts'
import type { ConfigProblem } from './loaded.ts'
import { type Places, placeOf, placesOf, problemAt } from './places.ts'
import { type Finding, formatPath, type Path } from './problem.ts'
import { findRunaway, findUnclosed } from './unclosed.ts'

/** routes.yaml as plain values, and the way back from a value to its place in the text. */
export interface Source {
  readonly file: string
  /** Lists, plain objects and scalars, with the environment filled in. */
  readonly value: unknown
  /** Where that is, or what is nearest to it; both count from 1. */
  place(path: Path, at?: 'key'): { line: number; column: number }
  /**
   * How messages write the scalar at that path: as it stands in the file, so that `"${TOKEN}"` is shown and the
   * token is not. Undefined for a list, a block, and what is not there.
   */
  show(path: Path): string | undefined
  /** Whether the scalar there holds something of the environment, which no message may tell. */
  isFromEnvironment(path: Path): boolean
  /** Whether that could not be read, so that whatever else is said about it is an echo. */
  isUnread(path: Path): boolean
  problem(severity: ConfigProblem['severity'], finding: Finding): ConfigProblem
}

export interface Reading {
  /** Undefined if the text is no YAML, or no block of keys. */
  readonly source?: Source
  readonly problems: readonly ConfigProblem[]
}

/** Parses the text and fills in the environment. Never throws. */
export function readSource(
  file: string,
  text: string,
  env: Readonly<Record<string, string | undefined>>,
): Reading {
  const places = placesOf(file, text)
  let document: ReturnType<typeof parseDocument>
  try {
    // Tags other than YAML's own basic ones would make values of other types: they are refused below.
    const options = {
      stringKeys: true,
      uniqueKeys: false,
      resolveKnownTags: false,
      prettyErrors: false,
    } as const
    document = parseDocument(text, { ...options, logLevel: 'error', version: '1.2' })
  } catch {
    return { problems: [problemAt(places, 0, { path: [], message: 'cannot be read as YAML' })] }
  }
  const faults = [...document.errors, ...document.warnings]
  if (faults.length > 0) return { problems: describeFaults(places, faults) }
  if (document.directives?.yaml.version === '1.1') {
    const message = 'is YAML 1.1, where `no` is false and 012 is ten'
    return { problems: [problemAt(places, 0, { path: [], message, mend: 'remove the %YAML line' })] }
  }
  if (!isMap(document.contents)) {
    const message = document.contents === null ? 'is empty' : 'holds no keys'
    const mend = 'it needs `listeners` and `routes`'
    return { problems: [problemAt(places, document.contents?.range?.[0] ?? 0, { path: [], message, mend })] }
  }
  return readValues(places, document.contents, env)
}

/** A file of more repetition than this is an attack (a few aliases of aliases make billions of values). */
const mostRepeated = 10_000
const deepest = 64

function readValues(places: Places, root: Node, env: Readonly<Record<string, string | undefined>>): Reading {
  const problems: ConfigProblem[] = []
  const anchors = new Map<string, Node>()
  const open = new Set<Node>()
  const unread = new Set<string>()
  const path: PropertyKey[] = []
  let repeated = 0
  let inAlias = 0

  const refuse = (offset: number, message: string, mend?: string): undefined => {
    unread.add(formatPath(path))
    problems.push(problemAt(places, offset, { path: [...path], message, mend }))
  }

  const read = (node: Node | null, use: number): unknown => {
    if (node === null) return null
    const offset = inAlias > 0 ? use : (node.range?.[0] ?? use)
    if (inAlias > 0 && ++repeated > mostRepeated) {
      if (repeated === mostRepeated + 1) refuse(offset, 'repeats too much through aliases', 'write it out')
      return undefined
    }
    if (open.has(node)) return refuse(use, 'holds itself', 'write it out')
    if (path.length > deepest) return refuse(offset, 'is nested too deep')
    if (isAlias(node)) return readAlias(node.source, offset)
    if ('anchor' in node && node.anchor !== undefined) anchors.set(node.anchor as string, node)
    open.add(node)
    try {
      if (isScalar(node)) return readScalar(node.value, offset)
      if (isSeq(node))
        return node.items.map((item, index) => within(index, () => read(item as Node | null, offset)))
      if (isMap(node)) return readMap(node, offset)
      return refuse(offset, 'cannot be read')
    } finally {
      open.delete(node)
    }
  }

  const within = (part: PropertyKey, next: () => unknown): unknown => {
    path.push(part)
    const value = next()
    path.pop()
    return value
  }

  const readAlias = (name: string, offset: number): unknown => {
    const target = anchors.get(name)
    if (target === undefined) {
      // `host: *.example.com` is read as an alias.
      const mend = name.startsWith('.') ? `put it in quotes: "*${name}"` : undefined
      return refuse(offset, `uses *${name}, and nothing above is marked &${name}`, mend)
    }
    inAlias++
    const value = read(target, offset)
    inAlias--
    return value
  }

  const readScalar = (value: unknown, offset: number): unknown => {
    if (typeof value !== 'string' || !isInterpolated(value)) return value
    const filled = interpolate(value, env)
    if ('value' in filled) return filled.value
    refuse(offset, filled.problem, filled.mend)
    return value
  }

  const readMap = (node: Node, use: number): Record<string, unknown> => {
    const value: Record<string, unknown> = {}
    if (!isMap(node)) return value
    for (const pair of node.items) {
      const keyNode = pair.key as Node
      const key = isScalar(keyNode) ? String(keyNode.value ?? '') : ''
      const offset = inAlias > 0 ? use : (keyNode.range?.[0] ?? use)
      within(key, () => {
        if (key === '<<') refuse(offset, '`<<` is not merged here', 'write the keys out, or use `defaults`')
        else if (key === '__proto__') refuse(offset, 'is not a name that a key may have')
        else if (Object.hasOwn(value, key))
          refuse(offset, `"${key}" stands twice in one block`, 'remove one of them')
        else value[key] = read(pair.value as Node | null, offset)
      })
    }
    return value
  }

  const value = read(root, 0)
  if (repeated > mostRepeated) return { problems }
  return { source: createSource({ places, root, anchors, unread }, value), problems }
}

interface Read {
  readonly places: Places
  readonly root: Node
  readonly anchors: ReadonlyMap<string, Node>
  readonly unread: ReadonlySet<string>
}

function createSource({ places, root, anchors, unread }: Read, value: unknown): Source {
  const follow = (node: Node | null): Node | null => {
    let target = node
    for (let hops = 0; isAlias(target) && hops < deepest; hops++) target = anchors.get(target.source) ?? null
    return target
  }

  /** The nodes on the way to the path, as far as the file goes along. */
  const find = (path: Path) => {
    let node: Node | null = root
    let key: Node | undefined
    let depth = 0
    for (; depth < path.length; depth++) {
      const parent = follow(node)
      const part = path[depth]
      if (isMap(parent)) {
        const pair = parent.items.find(({ key }) => isScalar(key) && String(key.value ?? '') === part)
        if (pair === undefined) break
        key = pair.key as Node
        node = pair.value as Node | null
      } else if (isSeq(parent) && typeof part === 'number' && part < parent.items.length) {
        key = undefined
        node = parent.items[part] as Node | null
      } else break
    }
    return { node, key, whole: depth === path.length }
  }

  const scalarAt = (path: Path) => {
    const { node, whole } = find(path)
    const target = follow(node)
    return whole && isScalar(target) ? target : undefined
  }

  const place: Source['place'] = (path, at) => {
    const { node, key } = find(path)
    // A block is where its key stands: its first line belongs to its first entry.
    const isValue = isAlias(node) || (isScalar(node) && node.value !== null) || key === undefined
    const target = isValue && at !== 'key' ? (node ?? key) : (key ?? node)
    return placeOf(places, target?.range?.[0] ?? 0)
  }

  const show: Source['show'] = (path) => {
    const scalar = scalarAt(path)
    if (scalar === undefined || scalar.value === null) return undefined
    const text = JSON.stringify(scalar.value) ?? String(scalar.value)
    return text.length > 100 ? `${text.slice(0, 97)}…"` : text
  }

  return {
    file: places.file,
    value,
    place,
    show,
    isFromEnvironment: (path) => {
      const scalar = scalarAt(path)
      return typeof scalar?.value === 'string' && isInterpolated(scalar.value)
    },
    isUnread: (path) => path.some((_, depth) => unread.has(formatPath(path.slice(0, depth + 1)))),
    problem: (severity, { path, message, mend, at }) => ({
      severity,
      file: places.file,
      ...place(path, at),
      path: formatPath(path),
      message,
      mend,
    }),
  }
}

const alike = 'begin it exactly below the key before it'

const mends: Readonly<Record<string, string>> = {
  TAB_AS_INDENT: 'indent with blanks',
  BAD_SCALAR_START: 'put the value in quotes',
  BAD_ALIAS: 'put the value in quotes',
  BAD_INDENT: alike,
  BLOCK_AS_IMPLICIT_KEY: 'put the value in quotes, or start a new line',
  MULTIPLE_DOCS: 'remove the line of ---',
  NON_STRING_KEY: 'write the key as a word',
  TAG_RESOLVE_FAILED: 'remove the tag',
}

/** What comes after the first fault of a line, or is left over in the stream, follows from the fault before it. */
function describeFaults(places: Places, faults: readonly YAMLError[]): ConfigProblem[] {
  const telling = faults.filter((fault, index) => index === 0 || !fault.message.includes('in YAML stream'))
  const problems = telling.slice(0, 10).map((fault) => describeFault(places, fault))
  return problems.filter(({ line }, index) => problems.findIndex((other) => other.line === line) === index)
}

const missesAnEnd =
  /Missing closing|end with a|Nested mappings are not allowed|Block collections are not allowed/
const ends: Readonly<Record<string, string>> = { '{': '}', '[': ']', '"': '"', "'": "'" }

function describeFault(places: Places, fault: YAMLError): ConfigProblem {
  const offset = fault.pos[0]
  const unclosed = missesAnEnd.test(fault.message)
    ? findUnclosed(places.text, offset)
    : findRunaway(places.text, offset)
  if (unclosed !== undefined) {
    const message = `is not YAML: this ${unclosed.sign} is not closed`
    return problemAt(places, unclosed.offset, {
      path: [],
      message,
      mend: `write ${ends[unclosed.sign]} at its end`,
    })
  }
  const message = `is not YAML: ${fault.message.replace(/\s+/g, ' ')}`
  // `{ port: ${PORT} }` reads as a block within a block.
  const unquoted = /\$\{?$/.test(places.text.slice(Math.max(0, offset - 1), offset + 1))
  const known = /without - indicator/.test(fault.message) ? alike : mends[fault.code]
  const mend = unquoted ? `inside { } and [ ], put \${…} in quotes` : known
  return problemAt(places, offset, { path: [], message, mend })
}
