import type { Server } from 'node:net'
import type { ListenerConfig } from '../../config/schema.ts'
import { readPem } from '../../tls/certificate-pair.ts'
import type { CertificateStore } from '../../tls/certificates.ts'
import type { Acceptance, Limits } from './connection.ts'
import type { ConnectionRegistry } from './connection-registry.ts'
import { createDoor, type Trust } from './door.ts'
import { createHttp1, type Http1 } from './http1.ts'
import { createHttp2, type Http2 } from './http2.ts'
import type { Listener, Serve } from './incoming.ts'
import { createTlsServer, type TlsServer } from './tls-server.ts'

export interface ListenerSettings {
  listeners: Readonly<Record<string, ListenerConfig>>
  limits: Limits
  /** CIDRs as configured. */
  trustedProxies: readonly string[]
  /** Not needed where no listener speaks TLS. */
  certificates?: CertificateStore
  /** 48 bytes that all workers share. Without them a session resumes only on the worker that began it. */
  ticketKeys?: Buffer
  /** Told of names that clients ask for and no certificate has. */
  unknownName?: (name: string) => void
  /** Absolute; relative paths of client authorities start here. */
  folder: string
  /** Gets every request and every handshake for a tunnel. Must not throw. */
  serve: Serve
  /** Told of what clients do wrong, for a counter: a code of Node's, OpenSSL's or ours, and the peer. */
  onClientError?: (listener: string, code: string, peer: string) => void
}

/** What belongs to one listener: its TCP socket, and what is spoken behind it. */
export interface ListenerPart {
  readonly acceptance: Acceptance
  readonly door: Server
  readonly http1: Http1
  readonly http2?: Http2
  readonly tls?: TlsServer
}

/** Puts a listener together, without opening it: door → PROXY header → TLS → HTTP/2 or HTTP/1.1. */
export async function buildPart(
  name: string,
  config: ListenerConfig,
  settings: ListenerSettings,
  shared: { registry: ConnectionRegistry; trust: Trust },
): Promise<ListenerPart> {
  const { limits, serve, certificates, ticketKeys, unknownName, folder, onClientError } = settings
  const secure = config.tls ?? name === 'https'
  const listener: Listener = { name, secure, config, port: config.port }
  const clientError = (code: string, peer: string): void => onClientError?.(name, code, peer)
  const acceptance: Acceptance = { listener, limits, stopping: false, clientError }
  if (secure && certificates === undefined)
    throw new Error(`listener ${name}: it speaks TLS, but there is no certificate`)
  const clientCa = await readClientCa(listener, folder)
  const http1 = createHttp1(acceptance, serve)
  if (certificates === undefined || !secure) {
    const door = createDoor(acceptance, shared, (connection) => http1.take(connection, connection.socket))
    return { acceptance, door, http1 }
  }
  const http2 = createHttp2(acceptance, serve)
  const tls = createTlsServer(
    acceptance,
    { certificates, clientCa, ticketKeys, unknownName },
    (connection, socket) => {
      if (connection.tls?.alpn === 'h2') http2.take(connection, socket)
      else http1.take(connection, socket)
    },
  )
  return { acceptance, door: createDoor(acceptance, shared, tls.take), http1, http2, tls }
}

/** PEM of the authorities of client certificates, if the listener asks for one. Throws a sentence. */
export async function readClientCa(listener: Listener, folder: string): Promise<string | undefined> {
  const file = listener.config.clientCertificates?.ca
  if (file === undefined || !listener.secure) return undefined
  try {
    return await readPem(file, folder, 'client authority')
  } catch (error) {
    throw new Error(`listener ${listener.name}: ${(error as Error).message}`)
  }
}

export function closePart({ door, http1 }: ListenerPart): void {
  door.close()
  http1.close()
}
