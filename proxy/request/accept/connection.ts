import type { IncomingMessage, ServerResponse } from 'node:http'
import type { ServerHttp2Session, ServerHttp2Stream } from 'node:http2'
import type { Socket } from 'node:net'
import type { ClientAddress } from '../../address.ts'
import type { Config } from '../../config/schema.ts'
import type { Budget } from './budget.ts'
import type { ConnectionTls, Listener } from './incoming.ts'

export type Limits = Config['limits']

/**
 * What a connection speaks. `opening` lasts until the PROXY header and the TLS handshake are through, and
 * `headTimeout` bounds it however slowly bytes drip.
 */
export type ConnectionProtocol = 'opening' | 'http/1.1' | 'h2' | 'websocket'

/** A connection, from accept to close. All that its exchanges have in common is worked out here, once. */
export interface Connection {
  readonly listener: Listener
  /** The TCP socket; under TLS the encrypted side. Destroying it ends everything above it. */
  readonly socket: Socket
  /** What HTTP/1.1 is spoken on: the same socket, or the TLS socket over it. */
  plain: Socket | undefined
  peer: ClientAddress
  peerPort: number
  tls: ConnectionTls | undefined
  protocol: ConnectionProtocol
  /** When it was accepted, by `performance.now()`. */
  readonly acceptedAt: number
  /** Requests that have begun. */
  served: number
  /** HTTP/1.1: the latest request and its response; dropped a while after both have ended. */
  request: IncomingMessage | undefined
  response: ServerResponse | undefined
  /** HTTP/1.1: requests that came while an earlier one was still being answered. */
  ahead: number
  /** What is being answered is the last: whatever comes behind it is not served. */
  ending: boolean
  /** HTTP/1.1: what its client had not taken when it was last looked at, and since when it takes nothing. */
  untaken: { readonly left: number; readonly written: number; readonly since: number } | undefined
  /** The peer has broken the protocol, and that has been dealt with. */
  broken: boolean
  http2: Http2State | undefined
}

export interface Http2State {
  readonly session: ServerHttp2Session
  readonly streams: Set<ServerHttp2Stream>
  /** Streams whose client does not take what we send, watched until it does. */
  readonly slow: Set<ServerHttp2Stream>
  /** When the last stream ended, or the session began. By `performance.now()`. */
  idleSince: number
  /** When we said goodbye; 0 before that. */
  leftAt: number
  readonly resets: Budget
  readonly controls: Budget
}

/** What the accepting of one listener works with. `limits` is replaced as a whole by a reload. */
export interface Acceptance {
  readonly listener: Listener
  limits: Limits
  stopping: boolean
  /** Counts what clients do wrong. Never an alarm: the internet knocks all day. */
  clientError(code: string, peer: string): void
}
