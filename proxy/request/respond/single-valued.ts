import type { ResponseHeaders } from '../policies/policy.ts'

/** Fields of a response that say one thing, once (RFC 9110). Node refuses to send two of them over HTTP/2, by throwing. */
const singleValued = new Set([
  'access-control-allow-credentials',
  'access-control-max-age',
  'age',
  'content-encoding',
  'content-language',
  'content-length',
  'content-location',
  'content-md5',
  'content-range',
  'content-type',
  'date',
  'etag',
  'expires',
  'last-modified',
  'location',
  'max-forwards',
  'retry-after',
  'tk',
  'user-agent',
  'x-content-type-options',
])

/**
 * Leaves the first of those that an upstream says twice. Sent on, one reader would believe the first and another
 * the second; refused, a page that shows everywhere else would be an error here.
 */
export function keepOneOfEach(headers: ResponseHeaders): void {
  for (const name in headers) keepOne(headers, name)
}

/**
 * A function of its own: with `headers[name]` in the loop, V8 (13.6) made machine code for the loop and threw it away
 * again, thirty times a second for as long as there was load.
 */
function keepOne(headers: ResponseHeaders, name: string): void {
  const value = headers[name]
  if (typeof value === 'object' && singleValued.has(name)) headers[name] = value[0] as string
}
