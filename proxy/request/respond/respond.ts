import type { Readable, Transform, Writable } from 'node:stream'
import { type ErrorCode, errors, GatehouseError } from '../../errors.ts'
import type { Exchange } from '../exchange.ts'
import type { Facts } from '../facts.ts'
import type { Route } from '../match/route.ts'
import type { HeaderEntry, ResponseHead, ResponseHeaders } from '../policies/policy.ts'
import { cutShort, endRequestAfter, whenTaken } from './ending.ts'
import { prefersHtml, renderError } from './error-page.ts'
import { keepOneOfEach } from './single-valued.ts'
import { writeHead } from './write-head.ts'

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
 * Sends the head of a response, whoever made it, and answers where its body goes. This is the one place where
 * a head is written, so no field that a policy asks for can be missed on an error page, a file or a redirect.
 */
export function beginResponse(exchange: Exchange, head: ResponseHead): Writable {
  const { response, matched: route, facts } = exchange
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
  endRequestAfter(exchange)
  exchange.status = head.status
  exchange.responseHeaders = headers
  writeHead(exchange, head)
  if (coding === undefined) return response as Writable
  coding.on('error', () => cutShort(exchange))
  coding.pipe(response as Writable)
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
    if (exchange.errorCode === undefined)
      throw new GatehouseError('internal', `a policy broke on a response: ${String(error)}`, { cause: error })
    return undefined
  }
}

/** Sends a whole response. */
export function respond(exchange: Exchange, head: ResponseHead, body?: Buffer | string): void {
  const bytes = typeof body === 'string' ? Buffer.from(body) : body
  const bodiless = head.status === 204 || head.status === 304
  if (!bodiless && head.headers['content-length'] === undefined)
    head.headers['content-length'] = String(bytes?.length ?? 0)
  const output = beginResponse(exchange, head)
  if (bytes === undefined || bodiless || exchange.method === 'HEAD') return void output.end()
  exchange.bytesSent += bytes.length
  output.end(bytes)
}

/** Sends a response whose body is a stream of ours; a stream that breaks cuts the response short. */
export function respondWithStream(exchange: Exchange, head: ResponseHead, body: Readable): void {
  exchange.underway = { abort: () => void body.destroy() }
  body.on('error', (error) => {
    exchange.detail = error.message
    cutShort(exchange)
  })
  if (exchange.method === 'HEAD') {
    body.destroy()
    return void beginResponse(exchange, head).end()
  }
  const output = beginResponse(exchange, head)
  body.on('data', (chunk: Buffer) => {
    exchange.bytesSent += chunk.length
    if (output.write(chunk)) return
    body.pause()
    whenTaken(exchange, output, () => body.resume())
  })
  body.once('end', () => output.end())
}

export interface Refusal {
  /** For the log and `explain`; never sent. */
  reason?: string
  policy?: string
  responseHeaders?: readonly HeaderEntry[]
  /** Shown on the page. */
  message?: string
  retryAfter?: number
}

/** Seconds after which a client may try again, where nobody said otherwise. */
const defaultRetryAfter = 5

/**
 * Ends an exchange with an error of the catalogue: a page for a browser, a problem document for a program.
 * Once a response has begun, all that is honest is to cut it short: an error text inside a body that was
 * promised whole would arrive as a complete answer.
 */
export function refuse(exchange: Exchange, code: ErrorCode, refusal: Refusal = {}): void {
  if (exchange.finished || exchange.response.destroyed) return
  exchange.decision = refusal.policy === undefined ? 'error' : 'deny'
  exchange.errorCode = code
  exchange.denyPolicy = refusal.policy
  if (refusal.policy !== undefined) exchange.denyReason = refusal.reason
  else exchange.detail ??= refusal.reason
  if (exchange.response.headersSent) return cutShort(exchange)
  const entry = errors[code]
  const page = renderError(code, {
    html: prefersHtml(exchange.request.headers.accept),
    requestId: exchange.id,
    retryAfter:
      refusal.retryAfter ?? (entry.retryable && entry.status === 503 ? defaultRetryAfter : undefined),
    service: entry.side === 'upstream' ? exchange.service : undefined,
    message: refusal.message,
  })
  const head: ResponseHead = { status: page.status, headers: { ...page.headers } }
  if (refusal.responseHeaders) setAll(head.headers, refusal.responseHeaders)
  // Where the request ends is not known for sure, so nothing after it is read as another one.
  if (code === 'framing_invalid') head.headers.connection = 'close'
  respond(exchange, head, page.body)
}

/** Ends an exchange that threw. What is no error of the catalogue is ours, and says nothing outside. */
export function refuseError(exchange: Exchange, error: unknown): void {
  const code = error instanceof GatehouseError ? error.code : 'internal'
  refuse(exchange, code, {
    reason:
      error instanceof GatehouseError ? error.message : error instanceof Error ? error.stack : String(error),
  })
}

/** Entries as fields of a head. One that is said twice stays twice. */
export function fieldsOf(entries: readonly HeaderEntry[]): ResponseHeaders {
  const headers: ResponseHeaders = Object.create(null)
  setAll(headers, entries)
  return headers
}

// A field that is said twice stays twice, and replaces what was there before.
function setAll(headers: ResponseHeaders, entries: readonly HeaderEntry[]): void {
  const own = new Set<string>()
  for (const [name, value] of entries) {
    const key = name.toLowerCase()
    const before = own.has(key) ? headers[key] : undefined
    headers[key] = before === undefined ? value : [before, value].flat()
    own.add(key)
  }
}
