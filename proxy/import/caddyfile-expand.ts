import type { CaddyLine } from './caddyfile-syntax.ts'

/** What a Caddyfile writes once and uses in many places. */

/** `{$NAME:otherwise}` in the spelling of routes.yaml, which reads the environment as well. */
export function withEnvironment(text: string): string {
  return text.replace(/\{\$(\w+)(?::([^}]*))?\}/g, (_, name: string, otherwise?: string) =>
    otherwise === undefined ? `\${${name}}` : `\${${name}:-${otherwise}}`,
  )
}

/** Snippets, `(name) { … }`, written out where they are imported. What is imported from a file stays as it is. */
export function withSnippets(lines: readonly CaddyLine[]): CaddyLine[] {
  const snippets = new Map(
    lines.flatMap((line) => {
      const name = /^\((.+)\)$/.exec(line.words[0] ?? '')?.[1]
      return name === undefined || line.words.length > 1 ? [] : [[name, line.block ?? []] as const]
    }),
  )
  return expand(
    lines.filter(({ words }) => !snippets.has(/^\((.+)\)$/.exec(words[0] ?? '')?.[1] ?? '')),
    snippets,
    0,
  )
}

// --- internal ---

const deepest = 10

function expand(
  lines: readonly CaddyLine[],
  snippets: ReadonlyMap<string, readonly CaddyLine[]>,
  depth: number,
): CaddyLine[] {
  return lines.flatMap((line) => {
    const [name, what = '', ...args] = line.words
    const snippet = name === 'import' && depth < deepest ? snippets.get(what) : undefined
    if (snippet === undefined || line.block !== undefined)
      return [line.block === undefined ? line : { ...line, block: expand(line.block, snippets, depth) }]
    return expand(
      snippet.map((each) => fill(each, args)),
      snippets,
      depth + 1,
    )
  })
}

function fill(line: CaddyLine, args: readonly string[]): CaddyLine {
  const words = line.words.map((word) =>
    word.replace(/\{args[.[](\d+)\]?\}/g, (whole, at: string) => args[Number(at)] ?? whole),
  )
  return { ...line, words, ...(line.block && { block: line.block.map((each) => fill(each, args)) }) }
}
