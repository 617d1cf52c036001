import type { RequestHeaders } from './policy.ts'

/**
 * A field name as CGI, WSGI and their kin read it: to them `Remote_User` and `Remote-User` are one, and whoever removes
 * the one and lets the other pass has removed nothing.
 */
export function asCgiReadsIt(name: string): string {
  const lower = name.toLowerCase()
  return lower.includes('_') ? lower.replaceAll('_', '-') : lower
}

/** Removes fields under every spelling. `names`: as CGI reads them. */
export function removeFields(headers: RequestHeaders, names: ReadonlySet<string>): void {
  if (names.size > 0) removeFieldsWhere(headers, (name) => names.has(asCgiReadsIt(name)))
}

/** Removes the fields of whose names, as they are written, this is true. In one pass, however many go. */
export function removeFieldsWhere(headers: RequestHeaders, isGone: (name: string) => boolean): void {
  let kept = 0
  for (let i = 0; i < headers.length; i += 2) {
    if (isGone(headers[i] as string)) continue
    headers[kept++] = headers[i] as string
    headers[kept++] = headers[i + 1] as string
  }
  headers.length = kept
}
