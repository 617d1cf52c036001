import type { ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import type { Writable } from 'node:stream'
import { GatehouseError } from '../../errors.ts'
import type { Flow, ResponseHandler } from '../../upstreams/http1/connection.ts'
import type { ReceivedFields } from '../../upstreams/http1/received-head.ts'
import { mostAtOnce } from '../../upstreams/http1/shared-buffer.ts'
import type { Target } from '../../upstreams/upstream.ts'
import { explainOverload } from '../accept/admission.ts'
import type { Exchange } from '../exchange.ts'
import type { Route } from '../match/route.ts'
import { cutShort, whenTaken } from '../respond/ending.ts'
import { beginResponse, refuse } from '../respond/respond.ts'
import { keepOneOfEach } from '../respond/single-valued.ts'
import type { Outcome, Relay } from './attempt.ts'
import { readFailure } from './failure.ts'
import { requestHeadersFor, setTargetHeaders } from './request-headers.ts'
import { rewriteResponse, upstreamHost, upstreamPath } from './rewrite.ts'
import { writeCopy } from './spare-buffers.ts'

/** Relays one request to one target, and its response back, with backpressure and aborts both ways. */
export function relayRequest(relay: Relay, target: Target, outcome: Outcome): void {
  const { exchange, route, facts, framing, body } = relay
  const { response: responseTimeout, idle: idleTimeout } = route.config.timeouts
  const headers = requestHeadersFor(
    exchange,
    route,
    facts,
    upstreamHost(route, facts, target.address.authority),
  )
  setTargetHeaders(headers, target.headers)
  const path = upstreamPath(route, facts, exchange.prefix)
  target.pool.send(
    { method: exchange.method, path, headers, body, framing, responseTimeout, idleTimeout },
    new ResponseRelay(relay, outcome),
  )
}

/** Takes over both sockets once the upstream has switched protocols. May throw; then the exchange is refused. */
type Switched = (headers: ReceivedFields, upstream: Socket, early: Buffer) => void

/**
 * The end of a body that is no longer becomes one string with the head, and one write without a list of buffers. Node
 * writes strings of up to 16 KB from its stack.
 */
const mostInOneWrite = 8 * 1024

/** Bytes below which a buffer of its own costs no more than one that is used again: Node cuts them from a larger one. */
const worthSparing = 4 * 1024

/** Whether what is written goes to the socket of an HTTP/1.1 client, with nobody in between. */
function isSocketsOwn({ request, response }: Exchange, output: Writable, { middleware }: Route): boolean {
  return output === response && request.httpVersionMajor === 1 && middleware === undefined
}

/** An upstream that sends interim responses for ever is cut off after this many. */
const mostInterim = 16

/** Carries the response back: nothing stands between the upstream's socket and the client's. */
export class ResponseRelay implements ResponseHandler {
  readonly #relay: Relay
  readonly #outcome: Outcome
  readonly #switched: Switched | undefined
  #sentAt = 0
  #flow: Flow | undefined
  #output: Writable | undefined
  #interim = 0
  #waiting = false
  #begun = false
  #last: string | undefined

  constructor(relay: Relay, outcome: Outcome, switched?: Switched) {
    this.#relay = relay
    this.#outcome = outcome
    this.#switched = switched
  }

  onWait(cancel: (error: Error) => void): void {
    const { exchange } = this.#relay
    exchange.underway = { abort: cancel }
  }

  onStart(flow: Flow): void {
    const { exchange, body } = this.#relay
    this.#flow = flow
    this.#sentAt = performance.now()
    exchange.underway = flow
    if (exchange.finished || exchange.response.destroyed) return flow.abort(new Error('the client has gone'))
    // The client's body is asked for only now: every policy has passed and a connection is there.
    if (!exchange.expectsContinue || body === undefined || this.#relay.invited) return
    this.#relay.invited = true
    exchange.response.writeContinue()
  }

  onInterim(status: number, headers: ReceivedFields): void {
    if (++this.#interim > mostInterim)
      return this.#flow?.abort(
        new GatehouseError('upstream_broken', `more than ${mostInterim} interim responses`),
      )
    sendInterim(this.#relay.exchange, status, headers)
  }

  onHead(status: number, received: ReceivedFields): void {
    const { exchange, route, facts } = this.#relay
    // HTTP/2 cannot carry other statuses.
    if (status > 599) return this.#flow?.abort(new GatehouseError('upstream_broken', `status ${status}`))
    this.#answered(status)
    // A length of no body makes the next response pass for the body (RFC 9110 §8.6).
    if (status === 204) delete received['content-length']
    rewriteResponse(exchange, route, facts, received)
    stickTo(received, this.#relay.stick)
    if (/^text\/event-stream\b/i.test(String(received['content-type']))) {
      if (exchange.admission?.enterStream(exchange) === false)
        return this.#flow?.abort(new GatehouseError('overloaded', explainOverload('tunnels')))
      exchange.kind = 'sse'
      this.#flow?.stepAside()
    }
    this.#output = beginResponse(exchange, { status, headers: received })
  }

  onBody(chunk: Buffer, last: boolean): void {
    const output = this.#output as Writable
    this.#relay.exchange.bytesSent += chunk.length
    if (last && chunk.length <= mostInOneWrite) {
      this.#last = chunk.toString('latin1')
      return
    }
    // A coding may keep what it is given, and the head waits for it.
    if (output === this.#relay.exchange.response) this.#begun = true
    // More may come of what was read before the pause; one wait serves all of it.
    if (this.#write(output, chunk) || this.#waiting) return
    this.#waiting = true
    this.#flow?.pause()
    // The upstream's clock stands still while it is paused; a client that stops reading is ended by this one.
    whenTaken(this.#relay.exchange, output, () => {
      this.#waiting = false
      this.#flow?.resume()
    })
  }

  /** Answers whether the client may be sent more. */
  #write(output: Writable, chunk: Buffer): boolean {
    const { exchange, route } = this.#relay
    // A coding, or middleware that wrapped the response, may keep what it was given for longer than it says.
    if (chunk.length < worthSparing || !isSocketsOwn(exchange, output, route))
      return output.write(Buffer.from(chunk))
    writeCopy(output, chunk)
    return output.writableLength < mostAtOnce
  }

  /**
   * HTTP/1.1 keeps a head until the body begins, which for an event stream may be in an hour. One whose body came with
   * it, as most do, goes out together with that.
   */
  onLull(): void {
    const { request, response } = this.#relay.exchange
    if (this.#begun || request.httpVersionMajor !== 1) return
    this.#begun = true
    if (!response.writableEnded && !response.destroyed) (response as ServerResponse).flushHeaders()
  }

  onEnd(trailers: ReceivedFields): void {
    const { response } = this.#relay.exchange
    this.#outcome.ended()
    for (const name in trailers) if (neverTrailers.has(name)) delete trailers[name]
    keepOneOfEach(trailers)
    for (const name in trailers) response.addTrailers({ [name]: trailers[name] } as Record<string, string>)
    if (this.#last === undefined) this.#output?.end()
    else this.#output?.end(this.#last, 'latin1')
  }

  onSwitch(headers: ReceivedFields, upstream: Socket, early: Buffer): void {
    this.#answered(101)
    stickTo(headers, this.#relay.stick)
    this.#switched?.(headers, upstream, early)
  }

  #answered(status: number): void {
    const { exchange } = this.#relay
    exchange.upstreamStatus = status
    exchange.upstreamDuration = performance.now() - this.#sentAt
    this.#outcome.answered()
  }

  onFailure(error: Error): void {
    const { exchange } = this.#relay
    this.#outcome.ended()
    if (error instanceof GatehouseError) return refuse(exchange, error.code, { reason: error.message })
    const stood = this.#flow !== undefined
    if (!exchange.response.headersSent) return this.#outcome.failed(readFailure(error, stood))
    // Cut short upstream is cut short here: ending it properly would make half a body look whole.
    exchange.detail = `cut short: ${error.message}`
    cutShort(exchange)
  }
}

/** Fields that frame, route or authenticate come too late in a trailer, and are believed by some (RFC 9110 §6.5.1). */
const neverTrailers = new Set([
  'age',
  'authorization',
  'cache-control',
  'content-encoding',
  'content-length',
  'content-range',
  'content-type',
  'date',
  'expires',
  'host',
  'location',
  'retry-after',
  'set-cookie',
  'vary',
  'warning',
  'www-authenticate',
])

/** 102 and 103 as they came. HTTP/1.0 knows none (RFC 9110 §15.2), and 100 is ours to say. */
function sendInterim({ request, response }: Exchange, status: number, { link }: ReceivedFields): void {
  if (request.httpVersion === '1.0' || response.destroyed) return
  try {
    if (status === 103 && link !== undefined) (response as ServerResponse).writeEarlyHints({ link })
    else if (status !== 102) return
    else if ('stream' in request) request.stream.additionalHeaders({ ':status': 102 })
    else (response as ServerResponse).writeProcessing()
  } catch {
    // A hint that cannot be passed on is no reason to lose the response.
  }
}

function stickTo(headers: ReceivedFields, cookie: string | undefined): void {
  if (cookie !== undefined) headers['set-cookie'] = [headers['set-cookie'] ?? [], cookie].flat()
}
