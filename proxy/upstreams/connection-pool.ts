import { readFileSync } from 'node:fs'
import http from 'node:http'
import https from 'node:https'
import { resolve } from 'node:path'
import type { Duplex } from 'node:stream'
import { type Dispatcher, Pool } from 'undici'
import type { UpstreamConfig } from '../config/schema.ts'

/**
 * The connections to one target. Requests share a pool of kept-alive HTTP/1.1 connections; a tunnel has a
 * connection of its own, because it never gives it back.
 */
export interface ConnectionPool {
  dispatch(options: Dispatcher.DispatchOptions, handler: Dispatcher.DispatchHandler): boolean
  /** Sends the head of an upgrade. The caller listens for `upgrade`, `response` and `error`. */
  openTunnel(path: string, headers: readonly string[]): http.ClientRequest
  close(): Promise<void>
}

export type { Dispatcher } from 'undici'

/** Opens nothing yet: a target that is down at load stops nobody. */
export function openPool(address: TargetAddress, config: UpstreamConfig, folder: string): ConnectionPool {
  const tls = address.secure
    ? {
        ca: config.tls.ca === undefined ? undefined : readFileSync(resolve(folder, config.tls.ca)),
        servername: config.tls.servername,
        rejectUnauthorized: !config.tls.insecureSkipVerify,
      }
    : {}
  const pool = new Pool(address.origin, {
    connections: config.connections,
    pipelining: 1,
    keepAliveTimeout: 30_000,
    keepAliveMaxTimeout: 300_000,
    maxHeaderSize: 64 * 1024,
    allowH2: false,
    connect: {
      ...tls,
      timeout: config.connectTimeout,
      socketPath: address.socketPath ?? null,
      keepAlive: true,
    },
  })
  return {
    dispatch: (options, handler) => pool.dispatch(options, handler),
    openTunnel(path, headers) {
      const request = (address.secure ? https : http).request({
        agent: false,
        method: 'GET',
        path,
        headers,
        setHost: false,
        ...(address.socketPath === undefined
          ? { host: address.host, port: address.port }
          : { socketPath: address.socketPath }),
        ...tls,
      })
      limitConnectTime(request, config.connectTimeout)
      request.end()
      return request
    },
    close: () => pool.destroy(),
  }
}

/** Where a target is, read from `http://host:port`, `https://host:port` or `unix:/path`. */
export interface TargetAddress {
  /** As written, for logs and metrics. */
  readonly text: string
  readonly origin: string
  readonly secure: boolean
  readonly host: string
  readonly port: number
  readonly socketPath?: string
  /** What the upstream sees as Host when `forward.host` is `target`. */
  readonly authority: string
}

export function parseTarget(text: string): TargetAddress {
  if (text.startsWith('unix:')) {
    const socketPath = text.slice('unix:'.length)
    return {
      text,
      origin: 'http://localhost',
      secure: false,
      host: 'localhost',
      port: 80,
      socketPath,
      authority: 'localhost',
    }
  }
  const url = new URL(text)
  const secure = url.protocol === 'https:'
  return {
    text,
    origin: url.origin,
    secure,
    host: url.hostname.replace(/^\[|\]$/g, ''),
    port: url.port === '' ? (secure ? 443 : 80) : Number(url.port),
    authority: url.host,
  }
}

function limitConnectTime(request: http.ClientRequest, limit: number): void {
  const timer = setTimeout(
    () =>
      request.destroy(
        Object.assign(new Error(`no connection within ${limit} ms`), { code: 'UND_ERR_CONNECT_TIMEOUT' }),
      ),
    limit,
  )
  request.once('socket', (socket: Duplex & { connecting?: boolean }) => {
    if (socket.connecting) socket.once('connect', () => clearTimeout(timer))
    else clearTimeout(timer)
  })
  request.once('close', () => clearTimeout(timer))
}
