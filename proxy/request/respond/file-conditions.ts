import type { HeaderFields } from '../facts.ts'

/** The fields of a request that decide whether and which part of a file is sent, as Node would name them. */
export type Conditions = Record<string, string>

const names = [
  'if-match',
  'if-unmodified-since',
  'if-none-match',
  'if-modified-since',
  'if-range',
  'cache-control',
] as const

/**
 * Picks the conditions out of a request. A range is kept if it is a single one in proper form and asked for
 * with GET (RFC 9110 §14.2): several would be a multipart body, whose parts may overlap and add up to many
 * times the file; anything else is to be ignored.
 */
export function conditionsOf(method: string, headers: HeaderFields): Conditions {
  const conditions: Conditions = {}
  for (const name of names) {
    const values = headers.all(name)
    if (values.length > 0) conditions[name] = values.join(', ')
  }
  const ranges = method === 'GET' ? headers.all('range') : []
  if (ranges.length === 1 && isSingleRange(ranges[0] as string)) conditions.range = ranges[0] as string
  return conditions
}

/**
 * Whether the library took a range differently from RFC 9110, so that the whole file should be sent:
 * - a suffix longer than the file is the whole file (§14.1.2), the library calls it unsatisfiable;
 * - `If-Range` wants the exact date, or a strong ETag (§13.1.5), which these files do not have.
 */
export function isRangeMisread(
  conditions: Conditions,
  result: { statusCode: number; headers: Record<string, string> },
): boolean {
  const { range, 'if-range': ifRange } = conditions
  if (range === undefined) return false
  if (result.statusCode === 416) return /=-0*[1-9]/.test(range)
  return result.statusCode === 206 && ifRange !== undefined && ifRange !== result.headers['Last-Modified']
}

function isSingleRange(text: string): boolean {
  const found = /^bytes=(\d*)-(\d*)$/.exec(text)
  if (!found) return false
  const [, first = '', last = ''] = found
  if (first === '') return last !== ''
  return last === '' || Number(first) <= Number(last)
}
