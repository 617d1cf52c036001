import type { ServerResponse } from 'node:http'
import { constants, type ServerHttp2Stream } from 'node:http2'
import type { Readable, Transform, Writable } from 'node:stream'
import { type ErrorCode, errors, GatehouseError } from '../../errors.ts'
import type { Exchange } from '../exchange.ts'
import type { Facts } from '../facts.ts'
import type { Route } from '../match/route.ts'
import type { HeaderEntry, ResponseHead, ResponseHeaders } from '../policies/policy.ts'
import { prefersHtml, renderError } from './error-page.ts'
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
  const { request } = exchange
  if ('stream' in request) {
    for (const name of connectionFields) delete headers[name]
    if (!request.stream.endAfterHeaders && !request.complete) endStreamAfter(request.stream)
  } else if (!request.complete) lingerAfter(exchange)
  exchange.status = head.status
  exchange.responseHeaders = headers
  ;(response as ServerResponse).writeHead(head.status, headers)
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
  exchange.onClientGone = () => body.destroy()
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

/**
 * Waits until the client has taken what was written. One that takes nothing for as long as its route allows
 * silence is cut off: whoever asks for much and reads nothing would be held for ever.
 */
function whenTaken(exchange: Exchange, output: Writable, taken: () => void): void {
  const { response, matched } = exchange
  const timer = setTimeout(() => cutShort(exchange), matched?.config.timeouts.idle ?? patience)
  const settled = (): void => {
    clearTimeout(timer)
    response.off('close', settled)
    output.off('drain', drained)
  }
  const drained = (): void => {
    settled()
    taken()
  }
  response.once('close', settled)
  output.once('drain', drained)
}

/** Milliseconds that a client may take nothing where no route says so. */
const patience = 60_000

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

/**
 * Ends a response that has begun so that the client sees that it is not whole: by closing the connection over
 * HTTP/1.1 (RFC 9112 §8), by resetting the stream over HTTP/2 (RFC 9113 §5.4.2).
 */
export function cutShort({ request, response }: Exchange): void {
  if ('stream' in request) return request.stream.close(constants.NGHTTP2_INTERNAL_ERROR)
  const { socket } = request
  // To HTTP/1.0 the end of the connection may be the end of the body, so it has to be no clean one. In TLS it is none.
  if (request.httpVersionMinor === 0 && !('encrypted' in socket)) socket.resetAndDestroy()
  response.destroy()
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

/** How long a client may go on sending a body that nobody wants, so that it comes to read the response. */
const lingerFor = 5_000

/**
 * A response may be ready before the request has ended. Reading the rest for ever would let a client hold us;
 * closing at once would reset the connection and lose the response on its way. So the rest is read and thrown
 * away for a while, and then the connection ends.
 */
function lingerAfter({ request, response }: Exchange): void {
  response.once('finish', () => {
    if (request.complete) return
    const { socket } = request
    const timer = setTimeout(() => socket.destroy(), lingerFor)
    const over = (): void => {
      clearTimeout(timer)
      socket.off('close', over)
    }
    request.once('end', over)
    // A request whose response has been sent does not hear that its socket is closed.
    socket.once('close', over)
  })
}

/**
 * The same over HTTP/2: once the response is whole, the rest of the request is not waited for (RFC 9113 §8.1).
 * Otherwise a client that never ends its body would keep the exchange, and its connection from being idle.
 */
function endStreamAfter(stream: ServerHttp2Stream): void {
  const end = (): void => {
    if (stream.destroyed || stream.closed) return
    // Not before END_STREAM has left: a reset would overtake it.
    if (stream.state.localClose === 1) stream.close(constants.NGHTTP2_NO_ERROR)
    else setTimeout(end, 50)
  }
  stream.once('finish', () => setImmediate(end))
}
