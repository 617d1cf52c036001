import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Http2ServerRequest, Http2ServerResponse } from 'node:http2'
import type { Duplex } from 'node:stream'
import type { ClientAddress } from '../../address.ts'
import type { ListenerConfig } from '../../config/schema.ts'
import type { ClientCertificate } from '../facts.ts'

export type ClientRequest = IncomingMessage | Http2ServerRequest
export type ClientResponse = ServerResponse | Http2ServerResponse

/** A listener as an exchange sees it. */
export interface Listener {
  readonly name: string
  readonly secure: boolean
  readonly config: ListenerConfig
  /** The port that it really has; differs from the configuration where that says 0. */
  port: number
}

/**
 * One request, or one handshake for a tunnel, as it came off a socket. Requests of HTTP/1.1 and HTTP/2 and
 * upgrades all have this one shape, and all go to one function.
 */
export interface Incoming {
  readonly request: ClientRequest
  /** For an upgrade this is a response on the raw socket, so that a refusal is written the same way. */
  readonly response: ClientResponse
  readonly listener: Listener
  /** The peer of the connection: of the PROXY header where the listener expects one. */
  readonly peer: ClientAddress
  readonly peerPort: number
  readonly tls?: ConnectionTls
  /** Present for a WebSocket handshake. `socket` already has an error handler. */
  readonly upgrade?: { socket: Duplex; head: Buffer }
  /** The client waits for 100 before it sends the body. Call `response.writeContinue()` to have it. */
  readonly expectsContinue: boolean
}

/** Facts of a TLS connection, worked out once per connection. */
export interface ConnectionTls {
  readonly version: string
  readonly cipher: string
  readonly serverName: string
  readonly alpn: string
  readonly resumed: boolean
  readonly clientCertificate?: ClientCertificate
}

export type Serve = (incoming: Incoming) => void
