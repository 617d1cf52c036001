import { readFileSync } from 'node:fs'
import http from 'node:http'
import https from 'node:https'
import net from 'node:net'
import { resolve } from 'node:path'
import type { Duplex } from 'node:stream'
import tls from 'node:tls'
import type { UpstreamConfig } from '../config/schema.ts'
import { Connection, type ResponseHandler } from './http1/connection.ts'
import type { UpstreamRequest } from './http1/request-head.ts'

/**
 * The connections to one target. Requests share kept-alive HTTP/1.1 connections; a tunnel has a connection of
 * its own, because it never gives it back.
 */
export interface ConnectionPool {
  /** Sends a request on an idle connection or a new one; waits in line if there are too many. */
  send(request: UpstreamRequest, handler: ResponseHandler): void
  /** Sends the head of an upgrade. The caller listens for `upgrade`, `response` and `error`. */
  openTunnel(path: string, headers: readonly string[]): http.ClientRequest
  /** Ends every connection, and what is on them. */
  close(): void
}

/** How often deadlines are looked at. One clock for all, because a timer for each request costs more than the rest. */
const clockTick = 250
/** How long an idle connection is kept where the upstream does not say. Less than most servers keep theirs. */
const keepIdleFor = 4_000

/** Opens nothing yet: a target that is down at load stops nobody. */
export function openPool(address: TargetAddress, config: UpstreamConfig, folder: string): ConnectionPool {
  const connect = connectorFor(address, config, folder)
  const open = new Set<Connection>()
  const idle: Connection[] = []
  const waiting: { request: UpstreamRequest; handler: ResponseHandler }[] = []
  let connecting = 0

  const clock = setInterval(() => {
    const now = Date.now()
    for (const connection of open) if (connection.deadline <= now) connection.expire()
  }, clockTick).unref()

  const onIdle = (connection: Connection): void => {
    const next = waiting.shift()
    if (next !== undefined) return connection.send(next.request, next.handler)
    // A second less than the upstream keeps it, so that it is not closed as we write to it.
    connection.deadline =
      Date.now() + Math.min(keepIdleFor, (connection.keptFor ?? Number.POSITIVE_INFINITY) - 1_000)
    idle.push(connection)
  }

  const sendOnNew = (request: UpstreamRequest, handler: ResponseHandler): void => {
    connecting++
    connect((connected) => {
      connecting--
      if (connected.error !== undefined) return handler.onFailure(connected.error)
      const { socket } = connected
      const connection = new Connection(socket, onIdle)
      open.add(connection)
      socket.once('close', () => {
        open.delete(connection)
        const waits = open.size + connecting < config.connections ? waiting.shift() : undefined
        if (waits !== undefined) sendOnNew(waits.request, waits.handler)
      })
      connection.send(request, handler)
    })
  }

  return {
    send(request, handler) {
      for (let connection = idle.pop(); connection !== undefined; connection = idle.pop()) {
        if (connection.usable) return connection.send(request, handler)
      }
      if (open.size + connecting < config.connections) sendOnNew(request, handler)
      else waiting.push({ request, handler })
    },
    openTunnel: (path, headers) => openTunnel(connect.options, path, headers, config.connectTimeout),
    close() {
      clearInterval(clock)
      for (const connection of open) connection.fail(new Error('the upstream was closed'))
      for (const { handler } of waiting.splice(0)) handler.onFailure(new Error('the upstream was closed'))
    },
  }
}

type Connected = { error: Error } | { error?: undefined; socket: net.Socket }
interface Connector {
  (done: (connected: Connected) => void): void
  readonly options: tls.ConnectionOptions & { path?: string }
}

/** Opens sockets to a target, with its TLS settings read once, within the time that the upstream allows. */
function connectorFor(address: TargetAddress, config: UpstreamConfig, folder: string): Connector {
  const options: Connector['options'] =
    address.socketPath === undefined
      ? { host: address.host, port: address.port }
      : { path: address.socketPath }
  if (address.secure) {
    Object.assign(options, {
      ca: config.tls.ca === undefined ? undefined : readFileSync(resolve(folder, config.tls.ca)),
      servername: config.tls.servername ?? (net.isIP(address.host) === 0 ? address.host : undefined),
      rejectUnauthorized: !config.tls.insecureSkipVerify,
      ALPNProtocols: ['http/1.1'],
    })
  }
  const connect = (done: (connected: Connected) => void): void => {
    const socket = address.secure ? tls.connect(options) : net.connect(options as net.NetConnectOpts)
    socket.setNoDelay(true)
    const timer = setTimeout(
      () => socket.destroy(connectTimeout(config.connectTimeout)),
      config.connectTimeout,
    )
    const failed = (error: Error): void => {
      clearTimeout(timer)
      done({ error })
    }
    socket.once('error', failed)
    socket.once(address.secure ? 'secureConnect' : 'connect', () => {
      clearTimeout(timer)
      socket.off('error', failed)
      done({ socket })
    })
  }
  return Object.assign(connect, { options })
}

function openTunnel(
  options: Connector['options'],
  path: string,
  headers: readonly string[],
  limit: number,
): http.ClientRequest {
  const { path: socketPath, ...rest } = options
  const request = ('ALPNProtocols' in options ? https : http).request({
    ...rest,
    socketPath,
    agent: false,
    method: 'GET',
    path,
    headers,
    setHost: false,
  })
  const timer = setTimeout(() => request.destroy(connectTimeout(limit)), limit)
  request.once('socket', (socket: Duplex & { connecting?: boolean }) => {
    if (socket.connecting) socket.once('connect', () => clearTimeout(timer))
    else clearTimeout(timer)
  })
  request.once('close', () => clearTimeout(timer))
  request.end()
  return request
}

function connectTimeout(limit: number): Error {
  return Object.assign(new Error(`no connection within ${limit} ms`), { code: 'UPSTREAM_CONNECT_TIMEOUT' })
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
