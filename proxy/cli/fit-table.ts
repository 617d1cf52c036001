/** A table of words and numbers for a terminal, as wide as there is room. Text alone: colours come after. */
export interface Table {
  readonly heading: readonly string[]
  readonly rows: readonly (readonly string[])[]
  /** Columns by their headings, the first of them left out first where there is no room. */
  readonly spare?: readonly string[]
}

export interface Lines {
  readonly heading: string
  /** One for each row. */
  readonly rows: string[]
}

/** Numbers stand to the right. `columns`: of the terminal; default any number. */
export function fitTable({ heading, rows, spare = [] }: Table, columns = Number.POSITIVE_INFINITY): Lines {
  const widths = heading.map((title, at) =>
    Math.max(title.length, ...rows.map((row) => (row[at] ?? '').length)),
  )
  const kept = new Set(heading.keys())
  const width = (): number => [...kept].reduce((sum, at) => sum + (widths[at] ?? 0), gap * (kept.size - 1))
  for (const title of spare) if (width() > columns) kept.delete(heading.indexOf(title))
  // Names give way before numbers do, and keep enough to be told apart.
  const over = width() - columns
  if (over > 0) widths[0] = Math.max(Math.min(widths[0] ?? 0, shortestName), (widths[0] ?? 0) - over)
  const line = (cells: readonly string[]): string => {
    const text = [...kept]
      .map((at) => {
        const cell = at === 0 ? cutMiddle(cells[0] ?? '', widths[0] ?? 0) : (cells[at] ?? '')
        return isNumber(heading[at]) ? cell.padStart(widths[at] ?? 0) : cell.padEnd(widths[at] ?? 0)
      })
      .join(' '.repeat(gap))
    return cut(text.trimEnd(), columns)
  }
  return { heading: line(heading), rows: rows.map(line) }
}

/** Words in lines of so many columns; a word that is longer has a line of its own. */
export function wrapWords(words: readonly string[], columns = Number.POSITIVE_INFINITY): string[] {
  const lines: string[] = []
  for (const word of words) {
    const last = lines.at(-1)
    if (last !== undefined && last.length + gap + word.length <= columns)
      lines[lines.length - 1] = `${last}${' '.repeat(gap)}${word}`
    else lines.push(cut(word, columns))
  }
  return lines
}

export function cut(text: string, columns: number): string {
  return text.length <= columns ? text : `${text.slice(0, Math.max(0, columns - 1))}…`
}

// --- internal ---

/** Of names that begin alike the end says which is which. */
function cutMiddle(text: string, columns: number): string {
  if (text.length <= columns) return text
  const end = Math.floor((columns - 1) / 2)
  return `${text.slice(0, columns - 1 - end)}…${text.slice(text.length - end)}`
}

const gap = 2
const shortestName = 10

function isNumber(title = ''): boolean {
  return /^(req|4xx|5xx|p50|p99|in all|in flight|memory)/.test(title)
}
