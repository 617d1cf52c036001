import type { Transform } from 'node:stream'
import { GatehouseError } from '../../errors.ts'
import type { Exchange } from '../exchange.ts'
import type { Facts } from '../facts.ts'
import type { Route } from '../match/route.ts'
import type { HeaderEntry, ResponseHead, ResponseHeaders } from '../policies/policy.ts'
import { keepOneOfEach } from './single-valued.ts'

/** Fields that an HTTP/2 response may not carry (RFC 9113 §8.2.2). Setting one would throw. */
const connectionFields = [
  'connection',
  'keep-alive',
  'proxy-connection',
  'transfer-encoding',
  'upgrade',
  'http2-settings',
]

/**
 * Puts the fields of the exchange and of its route over those of a response, whoever made it, and answers a coding
 * for its body, if it gets one. What goes out and what a rehearsal says would go out are made here, both of them.
 */
export function completeHead(exchange: Exchange, head: ResponseHead): Transform | undefined {
  const { matched: route, facts } = exchange
  const headers = head.headers
  let coding: Transform | undefined
  if (route !== undefined && facts !== undefined) {
    for (const [name, value] of route.fixedHeaders) {
      // An error page brings a policy of its own, stricter than any route's, without which it would not look right.
      if (exchange.errorCode === undefined || name !== 'content-security-policy') headers[name] = value
    }
    setAll(headers, exchange.addedHeaders)
    coding = applyPolicies(exchange, route, facts, head)
  }
  headers['x-request-id'] = exchange.id
  keepOneOfEach(headers)
  if ('stream' in exchange.request) for (const name of connectionFields) delete headers[name]
  return coding
}

/** What policies do to a response. Answers a coding for its body, if it gets one. */
function applyPolicies(
  exchange: Exchange,
  route: Route,
  facts: Facts,
  head: ResponseHead,
): Transform | undefined {
  try {
    for (const editor of route.responseEditors) editor.editResponse?.(facts, head)
    let coding: Transform | undefined
    for (const encoder of route.encoders) coding ??= encoder.encodeBody?.(facts, head)
    return coding
  } catch (error) {
    // An extension broke. Its route answers 500, and that page goes out without it.
    if (exchange.errorCode === undefined) throw brokenPolicy(error)
    return undefined
  }
}

/** What a policy threw while it edited a response: a fault of ours, and not of the upstream. */
export function brokenPolicy(error: unknown): GatehouseError {
  return new GatehouseError('internal', `a policy broke on a response: ${String(error)}`, { cause: error })
}

/** Whether a response to that method, or with that status, has no body (RFC 9110 §6.4.1). */
export function isBodiless(method: string, status: number): boolean {
  return status === 204 || status === 304 || method === 'HEAD'
}

/** Says how long a body of ours is, in bytes. A status without a body says nothing of it. */
export function declareLength({ status, headers }: ResponseHead, length: number): void {
  if (status !== 204 && status !== 304) headers['content-length'] ??= String(length)
}

/** Entries as fields of a head. One that is said twice stays twice. */
export function fieldsOf(entries: readonly HeaderEntry[]): ResponseHeaders {
  const headers: ResponseHeaders = Object.create(null)
  setAll(headers, entries)
  return headers
}

/** A field that is said twice stays twice, and replaces what was there before. */
export function setAll(headers: ResponseHeaders, entries: readonly HeaderEntry[]): void {
  const own = new Set<string>()
  for (const [name, value] of entries) {
    const key = name.toLowerCase()
    const before = own.has(key) ? headers[key] : undefined
    headers[key] = before === undefined ? value : [before, value].flat()
    own.add(key)
  }
}
