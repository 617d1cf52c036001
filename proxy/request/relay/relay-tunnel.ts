import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import type { Target } from '../../upstreams/upstream.ts'
import type { Exchange } from '../exchange.ts'
import type { ResponseHead } from '../policies/policy.ts'
import { beginResponse, fieldsOf, refuseError } from '../respond/respond.ts'
import type { Outcome, Relay } from './attempt.ts'
import { readFailure } from './failure.ts'
import { isHopByHop } from './hop-by-hop.ts'
import { requestHeadersFor } from './request-headers.ts'
import { rewriteResponse, upstreamHost, upstreamPath } from './rewrite.ts'

/**
 * Relays a WebSocket handshake, and once the upstream has switched, bytes both ways. Frames are not looked at.
 *
 * An upstream that does not switch has answered like any other request, and its response is relayed as one.
 */
export function relayTunnel(relay: Relay, target: Target, outcome: Outcome, head: Buffer): void {
  const { exchange, route, facts } = relay
  const headers = requestHeadersFor(
    exchange,
    route,
    facts,
    upstreamHost(route, facts, target.address.authority),
  )
  // Some desktop servers compare field names with their case, so the ones we write are written as they are known.
  headers.push('Connection', 'Upgrade', 'Upgrade', 'websocket')
  let request: ReturnType<Target['pool']['openTunnel']>
  try {
    request = target.pool.openTunnel(upstreamPath(route, facts, exchange.prefix), asKnown(headers))
  } catch (error) {
    outcome.ended()
    return outcome.failed({ ...readFailure(error), code: 'bad_request' })
  }
  const sentAt = performance.now()
  const timer = setTimeout(
    () =>
      request.destroy(
        Object.assign(new Error('no answer to the handshake'), { code: 'UPSTREAM_NO_RESPONSE' }),
      ),
    route.config.timeouts.response,
  )
  const answered = (response: IncomingMessage): void => {
    clearTimeout(timer)
    exchange.upstreamStatus = response.statusCode
    exchange.upstreamDuration = performance.now() - sentAt
    outcome.answered()
  }
  exchange.onClientGone = () => request.destroy()
  request.once('close', () => clearTimeout(timer))
  request.on('error', (error) => {
    outcome.ended()
    if (exchange.response.headersSent) exchange.response.destroy()
    else outcome.failed(readFailure(error))
  })
  request.once('upgrade', (response, upstream: Socket, early: Buffer) => {
    answered(response)
    if (response.headers.upgrade?.toLowerCase() !== 'websocket') {
      upstream.destroy()
      outcome.ended()
      return outcome.failed({
        code: 'upstream_broken',
        nothingSent: false,
        detail: `switched to ${response.headers.upgrade}`,
      })
    }
    try {
      openTunnel(relay, response, upstream, { toUpstream: head, toClient: early }, outcome)
    } catch (error) {
      upstream.destroy()
      outcome.ended()
      refuseError(exchange, error)
    }
  })
  request.once('response', (response) => {
    answered(response)
    relayRefusal(relay, response, outcome)
  })
}

/** Canonical spelling of the fields of a handshake; clients of HTTP/1.1 may send any. */
function asKnown(headers: string[]): string[] {
  return headers.map((text, index) => (index % 2 === 0 ? (spelling.get(text.toLowerCase()) ?? text) : text))
}

const spelling = new Map(
  [
    'Host',
    'Origin',
    'Authorization',
    'Cookie',
    'Sec-WebSocket-Key',
    'Sec-WebSocket-Version',
    'Sec-WebSocket-Protocol',
    'Sec-WebSocket-Extensions',
    'Sec-WebSocket-Accept',
  ].map((name) => [name.toLowerCase(), name]),
)

function relayRefusal(relay: Relay, response: IncomingMessage, outcome: Outcome): void {
  const { exchange, route, facts } = relay
  const headers = Object.assign(Object.create(null), response.headers)
  for (const name of Object.keys(headers)) if (isHopByHop(name)) delete headers[name]
  rewriteResponse(exchange, route, facts, headers)
  response.once('close', () => outcome.ended())
  response.on('error', () => exchange.response.destroy())
  response.on('data', (chunk: Buffer) => {
    exchange.bytesSent += chunk.length
  })
  response.once('aborted', () => exchange.response.destroy())
  const status = response.statusCode ?? 502
  response.pipe(beginResponse(exchange, { status: status >= 200 && status <= 599 ? status : 502, headers }))
}

function openTunnel(
  relay: Relay,
  answer: IncomingMessage,
  upstream: Socket,
  early: { toUpstream: Buffer; toClient: Buffer },
  outcome: Outcome,
): void {
  const { exchange, route } = relay
  const client = exchange.upgrade?.socket as Socket
  const head = switchingHead(relay, answer)
  exchange.kind = 'websocket'
  exchange.status = 101
  exchange.onClientGone = undefined
  // From here on the socket speaks another protocol, and the response that could have refused is let go.
  ;(exchange.response as ServerResponse).detachSocket(client)
  client.write(head, 'latin1')
  if (early.toClient.length > 0) upstream.unshift(early.toClient)
  if (early.toUpstream.length > 0) client.unshift(early.toUpstream)
  joinSockets(client, upstream, route.config.timeouts.idle)
  const { bytesRead, bytesWritten } = client
  let open = 2
  const closed = (): void => {
    if (--open > 0) return
    exchange.bytesReceived = client.bytesRead - bytesRead
    exchange.bytesSent = client.bytesWritten - bytesWritten
    outcome.ended()
    tunnelEnded(exchange)
  }
  client.once('close', closed)
  upstream.once('close', closed)
}

/** The head that tells the client of the switch: the upstream's, with what policies add and change. */
function switchingHead({ exchange, route, facts }: Relay, answer: IncomingMessage): string {
  const raw = answer.rawHeaders
  const received: [string, string][] = []
  for (let i = 0; i < raw.length; i += 2) {
    if (!isHopByHop((raw[i] as string).toLowerCase())) received.push([raw[i] as string, raw[i + 1] as string])
  }
  const head: ResponseHead = { status: 101, headers: fieldsOf([...received, ...exchange.addedHeaders]) }
  for (const editor of route.responseEditors) editor.editResponse?.(facts, head)
  let lines = 'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n'
  for (const [name, value] of Object.entries({ ...head.headers, 'x-request-id': exchange.id })) {
    for (const one of [value].flat()) lines += `${spelling.get(name) ?? name}: ${one}\r\n`
  }
  return `${lines}\r\n`
}

/** The response has no socket any more, so its own `close` is told by hand: one finish for every outcome. */
function tunnelEnded(exchange: Exchange): void {
  exchange.response.emit('close')
}

/**
 * Bytes both ways with backpressure. Either end closing, failing, or falling silent ends both: half a tunnel
 * is a leak. A byte in either direction passes through both sockets, so one clock sees them all.
 */
function joinSockets(client: Duplex & Pick<Socket, 'setTimeout'>, upstream: Socket, idle: number): void {
  client.setTimeout(idle, () => client.destroy())
  upstream.setTimeout(0)
  client.on('error', () => upstream.destroy())
  upstream.on('error', () => client.destroy())
  client.once('close', () => upstream.destroy())
  upstream.once('close', () => client.destroy())
  client.pipe(upstream)
  upstream.pipe(client)
}
