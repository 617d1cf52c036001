/**
 * Paths as a tree of segments, so that matching costs what the path is long, not what the table is.
 *
 * Order between patterns: segment by segment from the left, a written segment beats `:name`, and a longer
 * pattern beats a shorter one. Entries of one pattern keep the order in which they were added.
 */
export interface PathTree<Entry> {
  add(pattern: string, exact: boolean, entry: Entry): void
  /** The first entry, in that order, that `accept` takes. */
  find(path: string, accept: Accept<Entry>): Entry | undefined
}

/** `params` holds the values of `:name` segments, `end` is where in the path the pattern ends. */
export type Accept<Entry> = (entry: Entry, params: Params, end: number) => boolean

export type Params = Record<string, string>

interface Node<Entry> {
  written: Map<string, Node<Entry>>
  any?: Node<Entry>
  /** Names of the `:name` segments differ by entry: /:user and /:id are one node. */
  entries: { entry: Entry; exact: boolean; names: readonly string[] }[]
}

export function createPathTree<Entry>(): PathTree<Entry> {
  const root = createNode<Entry>()
  return {
    add(pattern, exact, entry) {
      const names: string[] = []
      let node = root
      for (const segment of segmentsOf(pattern)) {
        if (segment.startsWith(':')) {
          names.push(segment.slice(1))
          node.any ??= createNode()
          node = node.any
        } else {
          let child = node.written.get(segment)
          if (!child) {
            child = createNode()
            node.written.set(segment, child)
          }
          node = child
        }
      }
      node.entries.push({ entry, exact, names })
    },
    find: (path, accept) => walk(root, path, 1, [], accept),
  }
}

function createNode<Entry>(): Node<Entry> {
  return { written: new Map(), entries: [] }
}

function segmentsOf(pattern: string): string[] {
  return pattern.split('/').filter((segment) => segment !== '')
}

/** `from` is where the next segment starts. */
function walk<Entry>(
  node: Node<Entry>,
  path: string,
  from: number,
  values: readonly string[],
  accept: Accept<Entry>,
): Entry | undefined {
  const ended = from >= path.length
  if (!ended && (node.written.size > 0 || node.any)) {
    const slash = path.indexOf('/', from)
    const end = slash === -1 ? path.length : slash
    const segment = path.slice(from, end)
    const written = node.written.get(segment)
    const found = written && walk(written, path, end + 1, values, accept)
    if (found !== undefined) return found
    if (node.any) {
      const below = walk(node.any, path, end + 1, [...values, segment], accept)
      if (below !== undefined) return below
    }
  }
  for (const { entry, exact, names } of node.entries) {
    if (exact && !ended) continue
    if (accept(entry, paramsOf(names, values), Math.min(from - 1, path.length))) return entry
  }
  return undefined
}

const none: Params = Object.freeze({})

function paramsOf(names: readonly string[], values: readonly string[]): Params {
  if (names.length === 0) return none
  const params: Params = {}
  for (let i = 0; i < names.length; i++) params[names[i] as string] = values[i] as string
  return params
}
