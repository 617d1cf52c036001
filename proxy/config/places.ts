import type { ConfigProblem } from './loaded.ts'
import { type Finding, formatPath } from './problem.ts'

/** A text and where its lines start, to say of an offset which line and column it is. */
export interface Places {
  readonly file: string
  readonly text: string
  readonly lineStarts: readonly number[]
}

export function placesOf(file: string, text: string): Places {
  return { file, text, lineStarts: startsOfLines(text) }
}

export function problemAt(places: Places, offset: number, { path, message, mend }: Finding): ConfigProblem {
  const at = placeOf(places, offset)
  return { severity: 'error', file: places.file, ...at, path: formatPath(path), message, mend }
}

/** The parser's own line counter misses lines of a quoted text that it had to read twice. */
function startsOfLines(text: string): number[] {
  const starts = [0]
  for (let at = text.indexOf('\n'); at !== -1; at = text.indexOf('\n', at + 1)) starts.push(at + 1)
  return starts
}

export function placeOf({ text, lineStarts }: Places, offset: number): { line: number; column: number } {
  const at = Math.min(Math.max(0, offset), text.length)
  let low = 0
  let high = lineStarts.length - 1
  while (low < high) {
    const middle = Math.ceil((low + high) / 2)
    if ((lineStarts[middle] as number) <= at) low = middle
    else high = middle - 1
  }
  return { line: low + 1, column: at - (lineStarts[low] as number) + 1 }
}
