import { dirname, resolve } from 'node:path'
import { type Directive, parseNginx } from './nginx-syntax.ts'

/**
 * Reads one file of nginx, or all of them as `nginx -T` prints them: there each `include` is replaced by what it names.
 * Lines are those of the text that was read.
 */
export function readNginx(text: string): Directive[] {
  const marks = [...text.matchAll(/^# configuration file (.+):$/gm)]
  const [first] = marks
  if (first === undefined) return parseNginx(text)
  const files = new Map<string, readonly Directive[]>()
  for (const [index, mark] of marks.entries()) {
    const before = text.slice(0, mark.index)
    const own = text.slice(mark.index, marks[index + 1]?.index)
    files.set(mark[1] ?? '', parseNginx('\n'.repeat(before.split('\n').length - 1) + own))
  }
  const [main = ''] = files.keys()
  return withIncluded(files.get(main) ?? [], { files, folder: dirname(main), depth: 0 })
}

// --- internal ---

interface Dump {
  readonly files: ReadonlyMap<string, readonly Directive[]>
  /** Where relative names begin. */
  readonly folder: string
  readonly depth: number
}

/** nginx gives up before that. */
const deepest = 20

function withIncluded(directives: readonly Directive[], dump: Dump): Directive[] {
  return directives.flatMap((directive) => {
    const { name, args, block } = directive
    if (block !== undefined) return [{ ...directive, block: withIncluded(block, dump) }]
    if (name !== 'include' || dump.depth > deepest) return [directive]
    const named = resolve(dump.folder, args[0] ?? '')
    const found = [...dump.files].filter(([path]) => isNamed(path, named))
    // A pattern may name nothing.
    if (found.length === 0) return /[*?[]/.test(named) ? [] : [directive]
    return found.flatMap(([, inner]) => withIncluded(inner, { ...dump, depth: dump.depth + 1 }))
  })
}

function isNamed(path: string, pattern: string): boolean {
  const source = pattern
    .replace(/[.+^${}()|\\]/g, '\\$&')
    .replaceAll('*', '[^/]*')
    .replaceAll('?', '[^/]')
  return new RegExp(`^${source}$`).test(path)
}
