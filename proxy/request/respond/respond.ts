import type { Readable, Writable } from 'node:stream'
import { type ErrorCode, errors, GatehouseError } from '../../errors.ts'
import type { Exchange } from '../exchange.ts'
import type { HeaderEntry, ResponseHead } from '../policies/policy.ts'
import { completeHead, declareLength, isBodiless, setAll } from './complete-head.ts'
import { cutShort, endRequestAfter, whenTaken } from './ending.ts'
import { prefersHtml, renderError } from './error-page.ts'
import { writeHead } from './write-head.ts'

/**
 * Sends the head of a response, whoever made it, and answers where its body goes. This is the one place where
 * a head is written, so no field that a policy asks for can be missed on an error page, a file or a redirect.
 */
export function beginResponse(exchange: Exchange, head: ResponseHead): Writable {
  const { response } = exchange
  const coding = completeHead(exchange, head)
  endRequestAfter(exchange)
  exchange.status = head.status
  exchange.responseHeaders = head.headers
  writeHead(exchange, head)
  if (coding === undefined) return response as Writable
  coding.on('error', () => cutShort(exchange))
  coding.pipe(response as Writable)
  return coding
}

/** Sends a whole response. */
export function respond(exchange: Exchange, head: ResponseHead, body?: Buffer | string): void {
  const bytes = typeof body === 'string' ? Buffer.from(body) : body
  declareLength(head, bytes?.length ?? 0)
  const output = beginResponse(exchange, head)
  if (bytes === undefined || isBodiless(exchange.method, head.status)) return void output.end()
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
  const { head, body } = errorPage(exchange, code, refusal)
  respond(exchange, head, body)
}

/** The page or the problem that a refusal sends, before the fields of the route are put over its own. */
export function errorPage(
  exchange: Exchange,
  code: ErrorCode,
  refusal: Refusal,
): { head: ResponseHead; body: Buffer } {
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
  return { head, body: page.body }
}

/** Ends an exchange that threw. What is no error of the catalogue is ours, and says nothing outside. */
export function refuseError(exchange: Exchange, error: unknown): void {
  const code = error instanceof GatehouseError ? error.code : 'internal'
  refuse(exchange, code, {
    reason:
      error instanceof GatehouseError ? error.message : error instanceof Error ? error.stack : String(error),
  })
}
