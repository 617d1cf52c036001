import type { ServerResponse } from 'node:http'
import type { Writable } from 'node:stream'
import { GatehouseError } from '../../errors.ts'
import type { Dispatcher } from '../../upstreams/connection-pool.ts'
import type { Target } from '../../upstreams/upstream.ts'
import type { ResponseHeaders } from '../policies/policy.ts'
import { beginResponse, refuse } from '../respond/respond.ts'
import { readFailure } from './failure.ts'
import { isHopByHop, namedInConnection } from './hop-by-hop.ts'
import type { Outcome } from './proxy-engine.ts'
import type { Relay } from './relay.ts'
import { requestHeadersFor } from './request-headers.ts'
import { rewriteResponse, upstreamHost, upstreamPath } from './rewrite.ts'

/** Relays one request to one target, and its response back, with backpressure and aborts both ways. */
export function relayRequest(relay: Relay, target: Target, outcome: Outcome): void {
  const { exchange, route, facts, framing } = relay
  const headers = requestHeadersFor(
    exchange,
    route,
    facts,
    upstreamHost(route, facts, target.address.authority),
  )
  if (typeof framing === 'number') headers.push('Content-Length', String(framing))
  const { response: responseTimeout, idle } = route.config.timeouts
  try {
    target.pool.dispatch(
      {
        path: upstreamPath(route, facts, exchange.prefix),
        method: exchange.method as Dispatcher.HttpMethod,
        headers,
        body: relay.body ?? null,
        headersTimeout: responseTimeout,
        bodyTimeout: idle,
      },
      new ResponseRelay(relay, outcome),
    )
  } catch (error) {
    outcome.ended()
    outcome.failed(readFailure(error))
  }
}

/** An upstream that sends interim responses for ever is cut off after this many. */
const mostInterim = 16

/**
 * Carries the response back. A handler of undici's, so that no stream, no event emitter and no parsed object
 * stands between the upstream's socket and the client's.
 */
class ResponseRelay implements Dispatcher.DispatchHandler {
  readonly #relay: Relay
  readonly #outcome: Outcome
  readonly #sentAt = performance.now()
  #output: Writable | undefined
  #interim = 0
  #stalled: NodeJS.Timeout | undefined

  constructor(relay: Relay, outcome: Outcome) {
    this.#relay = relay
    this.#outcome = outcome
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    const { exchange } = this.#relay
    exchange.onClientGone = () => controller.abort(new Error('the client has gone'))
    if (exchange.finished || exchange.response.destroyed)
      return controller.abort(new Error('the client has gone'))
    // The client's body is asked for only now: every policy has passed and a connection is there.
    if (exchange.expectsContinue && exchange.attempts === 1) exchange.response.writeContinue()
  }

  onResponseStart(
    controller: Dispatcher.DispatchController,
    status: number,
    received: Record<string, string | string[] | undefined>,
  ): void {
    const { exchange, route, facts } = this.#relay
    if (status < 200 && status !== 101) return this.#relayInterim(controller, status, received)
    // HTTP/2 cannot carry other statuses, and an upgrade that nobody asked for is no answer.
    if (status < 200 || status > 599)
      return controller.abort(new GatehouseError('upstream_broken', `status ${status}`))
    exchange.upstreamStatus = status
    exchange.upstreamDuration = performance.now() - this.#sentAt
    this.#outcome.answered()
    const headers = relayableHeaders(received)
    rewriteResponse(exchange, route, facts, headers)
    if (String(headers['content-type']).startsWith('text/event-stream')) exchange.kind = 'sse'
    this.#output = beginResponse(exchange, { status, headers })
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    const output = this.#output as Writable
    this.#relay.exchange.bytesSent += chunk.length
    if (output.write(chunk)) return
    controller.pause()
    // The upstream's own clock stands still while it is paused, so a client that stops reading is ended here.
    this.#stalled = setTimeout(
      () => this.#relay.exchange.response.destroy(),
      this.#relay.route.config.timeouts.idle,
    )
    output.once('drain', () => {
      clearTimeout(this.#stalled)
      controller.resume()
    })
  }

  onResponseEnd(
    _controller: Dispatcher.DispatchController,
    trailers: Record<string, string | string[] | undefined>,
  ): void {
    const { response } = this.#relay.exchange
    this.#outcome.ended()
    for (const name in trailers) {
      if (!isHopByHop(name)) response.addTrailers({ [name]: trailers[name] } as Record<string, string>)
    }
    this.#output?.end()
  }

  onResponseError(_controller: Dispatcher.DispatchController, error: Error): void {
    const { exchange } = this.#relay
    clearTimeout(this.#stalled)
    this.#outcome.ended()
    if (error instanceof GatehouseError) return refuse(exchange, error.code, { reason: error.message })
    if (!exchange.response.headersSent) return this.#outcome.failed(readFailure(error))
    // Cut short upstream is cut short here: ending it properly would make half a body look whole.
    exchange.detail = `cut short: ${error.message}`
    exchange.response.destroy()
  }

  #relayInterim(
    controller: Dispatcher.DispatchController,
    status: number,
    received: Record<string, string | string[] | undefined>,
  ): void {
    if (++this.#interim > mostInterim)
      return controller.abort(
        new GatehouseError('upstream_broken', `more than ${mostInterim} interim responses`),
      )
    const { exchange } = this.#relay
    const response = exchange.response as ServerResponse
    if (status === 102 && exchange.request.httpVersionMajor === 1) response.writeProcessing()
    if (status === 103 && received.link !== undefined) response.writeEarlyHints({ link: received.link })
  }
}

/** The fields of a response that pass: none that belongs to the connection, none that `Connection` names. */
function relayableHeaders(received: Record<string, string | string[] | undefined>): ResponseHeaders {
  const named = namedInConnection(received.connection)
  const headers: ResponseHeaders = Object.create(null)
  for (const name in received) {
    if (isHopByHop(name) || named.has(name)) continue
    headers[name] = received[name] as string | string[]
  }
  return headers
}
