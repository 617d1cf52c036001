import { readFileSync } from 'node:fs'
import net from 'node:net'
import { resolve } from 'node:path'
import tls from 'node:tls'
import type { UpstreamConfig } from '../config/schema.ts'
import { lookupAddresses } from './find-addresses.ts'
import { Connection, type ResponseHandler } from './http1/connection.ts'
import type { UpstreamRequest } from './http1/request-head.ts'
import { intoSharedBuffer } from './http1/shared-buffer.ts'
import { withPath } from './leases/held-socket.ts'

/**
 * The connections to one target. Requests share kept-alive HTTP/1.1 connections; a tunnel has a connection of
 * its own, because it never gives it back.
 */
export interface ConnectionPool {
  /** Sends a request on an idle connection or a new one; waits in line if there are too many. */
  send(request: UpstreamRequest, handler: ResponseHandler): void
  /** There are as many connections and as many in line as there may be. Upgrades may be sent all the same. */
  readonly full: boolean
  /** Ends every connection, and what is on them. */
  close(): void
}

/** What stands between a pool and a target whose address was not written by the operator, at every connect. */
export interface ConnectGuard {
  /**
   * Calls `connect`, if there may be a connection, which begins one before it returns: with the path of the very socket
   * that was judged, if it is one.
   */
  admit<Made>(connect: (socketPath?: string) => Made): Admitted<Made>
  /** Finds the addresses of a name, those that are allowed. */
  readonly lookup: net.LookupFunction
}

/** What `connect` answered, or a sentence if there may be no connection. */
export type Admitted<Made> = { readonly made: Made } | { readonly fault: string }

/** How often deadlines are looked at. One clock for all, because a timer for each request costs more than the rest. */
const clockTick = 250
/** How long an idle connection is kept where the upstream does not say. Less than most servers keep theirs. */
const keepIdleFor = 4_000

/** Opens nothing yet: a target that is down at load stops nobody. */
export function openPool(
  address: TargetAddress,
  config: UpstreamConfig,
  folder: string,
  guard?: ConnectGuard,
): ConnectionPool {
  const connect = connectorFor(address, config, { folder, guard })
  const open = new Set<Connection>()
  /** Connections of handshakes as long as nobody has switched, and of event streams. They are beside the others. */
  const aside = new Set<Connection>()
  const idle: Connection[] = []
  const waiting: Waiter[] = []
  let connecting = 0
  const mostWaiting = config.queue ?? config.connections

  let clock: NodeJS.Timeout | undefined

  /** Only while there is something to look at: of thousands of pools, most are quiet. */
  const watchDeadlines = (): void => {
    clock ??= setInterval(lookAtDeadlines, clockTick).unref()
  }
  const lookAtDeadlines = (): void => {
    if (open.size + aside.size + connecting + waiting.length === 0) {
      clearInterval(clock)
      clock = undefined
      return
    }
    const now = performance.now()
    for (const connection of open) if (connection.deadline <= now) connection.expire()
    for (const connection of aside) if (connection.deadline <= now) connection.expire()
    while (waiting[0] !== undefined && waiting[0].until <= now)
      waiting.shift()?.handler.onFailure(lineTimeout(config.connectTimeout))
  }

  const onIdle = (connection: Connection): void => {
    // Its place has been given to another.
    if (aside.has(connection)) return connection.fail(new Error('the stream has ended'))
    const next = waiting.shift()
    if (next !== undefined) return connection.send(next.request, next.handler)
    // A second less than the upstream keeps it, so that it is not closed as we write to it.
    connection.deadline =
      performance.now() + Math.min(keepIdleFor, (connection.keptFor ?? Number.POSITIVE_INFINITY) - 1_000)
    idle.push(connection)
  }

  /** Whatever frees a place wakes the next in line: a connection that closes, and one that never came to be. */
  const wakeNext = (): void => {
    while (open.size + connecting < config.connections) {
      const next = waiting.shift()
      if (next === undefined) return
      sendOnNew(next.request, next.handler)
    }
  }

  const onAside = (connection: Connection): void => {
    open.delete(connection)
    aside.add(connection)
    wakeNext()
  }

  const sendOnNew = (request: UpstreamRequest, handler: ResponseHandler): void => {
    connecting++
    let connection: Connection | undefined
    const opened = ({ error, socket }: Connected): void => {
      connecting--
      if (error !== undefined) {
        handler.onFailure(error)
        return wakeNext()
      }
      const made = new Connection(socket, { onIdle, onAside })
      connection = made
      open.add(made)
      socket.once('close', () => {
        open.delete(made)
        aside.delete(made)
        wakeNext()
      })
      made.send(request, handler)
    }
    const coming = connect(opened, (bytes) => connection?.read(bytes))
    handler.onWait((error) => coming.destroy(error))
  }

  const sendHandshake = (request: UpstreamRequest, handler: ResponseHandler): void => {
    const coming = connect(({ error, socket }) => {
      if (error !== undefined) return handler.onFailure(error)
      const connection = new Connection(socket, { onIdle, onAside })
      aside.add(connection)
      socket.once('close', () => aside.delete(connection))
      connection.send(request, handler)
    })
    handler.onWait((error) => coming.destroy(error))
  }

  const standInLine = (waiter: Waiter): void => {
    waiting.push(waiter)
    waiter.handler.onWait((error) => {
      const at = waiting.indexOf(waiter)
      if (at === -1) return
      waiting.splice(at, 1)
      waiter.handler.onFailure(error)
    })
  }

  return {
    send(request, handler) {
      watchDeadlines()
      if (request.upgrade) return sendHandshake(request, handler)
      for (let connection = idle.pop(); connection !== undefined; connection = idle.pop()) {
        if (isKept(connection)) return connection.send(request, handler)
        connection.expire()
      }
      if (open.size + connecting < config.connections) sendOnNew(request, handler)
      else standInLine({ request, handler, until: performance.now() + config.connectTimeout })
    },
    get full() {
      return (
        open.size + connecting >= config.connections && waiting.length >= mostWaiting && !idle.some(isKept)
      )
    },
    close() {
      clearInterval(clock)
      const closed = new Error('the upstream was closed')
      for (const connection of [...open, ...aside]) connection.fail(closed)
      for (const { handler } of waiting.splice(0)) handler.onFailure(closed)
    },
  }
}

/**
 * Not one whose time is over. Where this process had no processor for seconds, the request comes before the clock that
 * would have ended the connection, and the upstream may close it as we write.
 */
function isKept({ usable, deadline }: Connection): boolean {
  return usable && deadline > performance.now()
}

/** A request for which there is no connection. */
interface Waiter {
  readonly request: UpstreamRequest
  readonly handler: ResponseHandler
  /**
   * By `performance.now()`, since a clock that is set must not end what is under way. Reaching a target may take no
   * longer in line than on the way.
   */
  readonly until: number
}

type Connected = { error: Error; socket?: undefined } | { error?: undefined; socket: net.Socket }
/**
 * Answers the socket that is on its way; destroying it with an error tells `done` of that. With `take` the socket is
 * no stream to read from: what comes goes there, in a buffer that others use as well.
 */
type Connector = (done: (connected: Connected) => void, take?: (bytes: Buffer) => void) => net.Socket

/** Opens sockets to a target, with its TLS settings read once, within the time that the upstream allows. */
function connectorFor(
  address: TargetAddress,
  config: UpstreamConfig,
  { folder, guard }: { folder: string; guard: ConnectGuard | undefined },
): Connector {
  const options: tls.ConnectionOptions & { path?: string } =
    address.socketPath === undefined
      ? { host: address.host, port: address.port, lookup: guard?.lookup ?? lookupAddresses }
      : { path: address.socketPath }
  if (address.secure) {
    Object.assign(options, {
      ca: config.tls.ca === undefined ? undefined : readFileSync(resolve(folder, config.tls.ca)),
      servername: config.tls.servername ?? (net.isIP(address.host) === 0 ? address.host : undefined),
      rejectUnauthorized: !config.tls.insecureSkipVerify,
      ALPNProtocols: ['http/1.1'],
    })
  }
  const dial = (take: ((bytes: Buffer) => void) | undefined): net.Socket => {
    const where = take === undefined ? options : { ...options, onread: intoSharedBuffer(take) }
    const connect = (path = options.path): net.Socket =>
      address.secure ? tls.connect(where) : net.connect({ ...where, path } as net.NetConnectOpts)
    if (guard === undefined) return connect()
    const admitted = guard.admit(connect)
    return 'fault' in admitted ? refusedSocket(admitted.fault) : admitted.made
  }
  return (done, take) => {
    const socket = dial(take)
    socket.setNoDelay(true)
    const timer = setTimeout(
      () => socket.destroy(connectTimeout(config.connectTimeout)),
      config.connectTimeout,
    )
    const failed = (error: Error): void => {
      clearTimeout(timer)
      error.message = withPath(error.message, address.socketPath)
      done({ error })
    }
    socket.once('error', failed)
    socket.once(address.secure ? 'secureConnect' : 'connect', () => {
      clearTimeout(timer)
      socket.off('error', failed)
      done({ socket })
    })
    return socket
  }
}

/** A socket that fails as one does that nobody accepts. */
function refusedSocket(fault: string): net.Socket {
  const socket = new net.Socket()
  process.nextTick(() => socket.destroy(notAllowed(fault)))
  return socket
}

/** The error of a connection that may not be made, to an address that a lease named. */
export function notAllowed(sentence: string): NodeJS.ErrnoException {
  return Object.assign(new Error(sentence), { code: 'UPSTREAM_NOT_ALLOWED' })
}

function connectTimeout(limit: number): Error {
  return Object.assign(new Error(`no connection within ${limit} ms`), { code: 'UPSTREAM_CONNECT_TIMEOUT' })
}

function lineTimeout(limit: number): Error {
  return Object.assign(new Error(`no free connection within ${limit} ms`), { code: 'UPSTREAM_FULL' })
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
