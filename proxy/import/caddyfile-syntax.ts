/** One line of a Caddyfile: its words, and the lines within its braces. */
export interface CaddyLine {
  readonly words: readonly string[]
  readonly line: number
  readonly block?: readonly CaddyLine[]
}

/** Reads a Caddyfile: lines of words, quotes and backquotes, braces at ends of lines, `#` comments. Throws with the line. */
export function parseCaddyfile(text: string): CaddyLine[] {
  const lines = text.split(/\r?\n/)
  let at = 0

  function readBlock(opened: number | undefined): CaddyLine[] {
    const block: CaddyLine[] = []
    while (at < lines.length) {
      const line = at + 1
      const words = wordsOf(lines[at++] ?? '')
      if (words.length === 0) continue
      if (words[0] === '}' && words.length === 1) {
        if (opened === undefined) throw new Error(`line ${line}: nothing is open here`)
        return block
      }
      if (words.at(-1) !== '{') block.push({ words, line })
      else block.push({ words: words.slice(0, -1), line, block: readBlock(line) })
    }
    if (opened !== undefined) throw new Error(`line ${opened}: this block is not closed`)
    return block
  }
  return readBlock(undefined)
}

// --- internal ---

function wordsOf(line: string): string[] {
  const words: string[] = []
  for (const found of line.matchAll(/"((?:[^"\\]|\\.)*)"|`([^`]*)`|(#.*$)|(\S+)/g)) {
    const [, double, back, comment, bare] = found
    // A # within a word is a part of it.
    if (comment !== undefined && (found.index === 0 || /\s/.test(line[found.index - 1] ?? ''))) break
    words.push(double ?? back ?? bare ?? comment ?? '')
  }
  return words
}
