import type { ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { GatehouseError } from '../../errors.ts'
import type { ReceivedFields } from '../../upstreams/http1/received-head.ts'
import type { Target } from '../../upstreams/upstream.ts'
import type { Exchange } from '../exchange.ts'
import type { ResponseHead, ResponseHeaders } from '../policies/policy.ts'
import { brokenPolicy, fieldsOf } from '../respond/complete-head.ts'
import type { Outcome, Relay } from './attempt.ts'
import { ResponseRelay } from './relay-request.ts'
import { requestHeadersFor, setTargetHeaders } from './request-headers.ts'
import { upstreamHost, upstreamPath } from './rewrite.ts'

/**
 * Relays a WebSocket handshake, and once the upstream has switched, bytes both ways. Frames are not looked at.
 *
 * An upstream that does not switch has answered like any other request, and its response is relayed as one.
 */
export function relayTunnel(relay: Relay, target: Target, outcome: Outcome, head: Buffer): void {
  const { exchange, route, facts } = relay
  const { response: responseTimeout, idle: idleTimeout } = route.config.timeouts
  const headers = requestHeadersFor(
    exchange,
    route,
    facts,
    upstreamHost(route, facts, target.address.authority),
  )
  setTargetHeaders(headers, target.headers)
  const path = upstreamPath(route, facts, exchange.prefix)
  const handshake = { method: 'GET', path, headers: handshakeFields(headers), upgrade: true } as const
  target.pool.send(
    { ...handshake, body: undefined, framing: 'none', responseTimeout, idleTimeout },
    new ResponseRelay(relay, outcome, (received, upstream, early) => {
      openTunnel(relay, received, upstream, outcome)
      if (early.length > 0) exchange.upgrade?.socket.write(early)
      if (head.length > 0) upstream.write(head)
    }),
  )
}

/**
 * The fields of a handshake, with what makes it one, in canonical spelling: clients of HTTP/1.1 may send any, and some
 * desktop servers compare names with their case.
 */
export function handshakeFields(headers: readonly string[]): string[] {
  return [...headers, 'Connection', 'Upgrade', 'Upgrade', 'websocket'].map((text, index) =>
    index % 2 === 0 ? (spelling.get(text.toLowerCase()) ?? text) : text,
  )
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

function openTunnel(relay: Relay, received: ReceivedFields, upstream: Socket, outcome: Outcome): void {
  const { exchange, route } = relay
  const client = exchange.upgrade?.socket as Socket
  if (client.destroyed) throw new Error('the client has gone')
  const head = switchingHead(relay, received)
  exchange.kind = 'websocket'
  exchange.status = 101
  exchange.underway = undefined
  // From here on the socket speaks another protocol, and the response that could have refused is let go.
  ;(exchange.response as ServerResponse).detachSocket(client)
  client.write(head, 'latin1')
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

/** The fields that tell the client of the switch: the upstream's, with what policies add and change. */
export function switchingFields(
  { exchange, route, facts }: Pick<Relay, 'exchange' | 'route' | 'facts'>,
  received: ReceivedFields,
): ResponseHeaders {
  const head: ResponseHead = {
    status: 101,
    headers: Object.assign(received, fieldsOf(exchange.addedHeaders)),
  }
  try {
    for (const editor of route.responseEditors) editor.editResponse?.(facts, head)
  } catch (error) {
    throw brokenPolicy(error)
  }
  head.headers['x-request-id'] = exchange.id
  return head.headers
}

function switchingHead(relay: Relay, received: ReceivedFields): string {
  let lines = 'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n'
  for (const [name, value] of Object.entries(switchingFields(relay, received))) {
    for (const one of [value].flat()) {
      // Nobody looks at these bytes after us, and a line break would end the field and begin one of somebody's choosing.
      if (/[^\t\x20-\x7e\x80-\xff]/.test(one))
        throw new GatehouseError('internal', `a policy set a control character in ${name}`)
      lines += `${spelling.get(name) ?? name}: ${one}\r\n`
    }
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
