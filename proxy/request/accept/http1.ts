import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { type ErrorCode, errors } from '../../errors.ts'
import { answerClientError } from './client-error.ts'
import type { Acceptance, Connection, Limits } from './connection.ts'
import { isClearCoding } from './framing.ts'
import type { ClientResponse, Serve } from './incoming.ts'
import { answerShortly, endSoon } from './short-answer.ts'
import { isHandshake, responseOnSocket, wantsWebSocket } from './upgrade.ts'

/** HTTP/1.1 on connections that others have accepted and, where it is due, decrypted. */
export interface Http1 {
  take(connection: Connection, socket: Socket): void
  /** Limits of connections and requests from now on. */
  apply(limits: Limits): void
  close(): void
}

export function createHttp1(acceptance: Acceptance, serve: Serve): Http1 {
  const connections = new Map<Duplex, Connection>()
  /** The latest request whose wish to upgrade was ignored. */
  let declined: IncomingMessage | undefined
  const server = createServer({
    ...timeouts(acceptance.limits),
    connectionsCheckingInterval: checkingInterval(acceptance.limits),
    // A whole-request limit would cut slow uploads; the relay bounds silence and the rate instead.
    requestTimeout: 0,
    // Host is judged with the other facts, so that its refusal is logged and looks like the others.
    requireHostHeader: false,
    insecureHTTPParser: false,
    joinDuplicateHeaders: false,
    rejectNonStandardBodyWrites: true,
    optimizeEmptyRequests: true,
    shouldUpgradeCallback(request) {
      if (wantsWebSocket(request)) return true
      declined = request
      return false
    },
  })
  setCounts(server, acceptance.limits)
  // Node starts its clock for headersTimeout when a server listens, which this one never does itself.
  server.emit('listening')

  const hasTooManyFields = ({ rawHeaders }: IncomingMessage): boolean =>
    rawHeaders.length > acceptance.limits.headerCount * 2
  const refuse = (connection: Connection, response: ClientResponse, code: ErrorCode): void => {
    connection.ending = true
    acceptance.clientError(code, connection.peer.text)
    answerShortly(response, errors[code].status, errors[code].text)
  }

  const accept = (request: IncomingMessage, response: ServerResponse, expectsContinue: boolean): void => {
    const connection = connections.get(request.socket)
    if (connection === undefined) return void request.socket.destroy()
    // Nothing behind a last answer is served: see `declined` below, and answerClientError.
    if (connection.ending) {
      if (!request.socket.writableEnded) waitBehind(connection, request.socket, acceptance)
      return
    }
    connection.served += 1
    const { response: earlier } = connection
    connection.request = request
    connection.response = response
    if (acceptance.stopping) response.shouldKeepAlive = false
    // Node drops the bytes that came in one packet behind a declined upgrade, and reads on in the midst of
    // whatever they were. So the connection has to end with this answer.
    if (request === declined) {
      declined = undefined
      connection.ending = true
      response.shouldKeepAlive = false
    }
    // Node's parser takes HTTP/0.9 and HTTP/2.0 in this syntax too, and the latter would pass for the real one.
    if (request.httpVersion !== '1.1' && request.httpVersion !== '1.0')
      return refuse(connection, response, 'bad_request')
    if (hasTooManyFields(request)) return refuse(connection, response, 'headers_too_large')
    // It will be refused with the other facts. Node has read on by then, and what it read may be no request.
    if (!isClearCoding(request.headers['transfer-encoding'], request.httpVersion === '1.0')) {
      connection.ending = true
      response.shouldKeepAlive = false
    }
    afterEarlier(connection, { earlier, request, response }, acceptance, () =>
      serve({
        request,
        response,
        listener: connection.listener,
        peer: connection.peer,
        peerPort: connection.peerPort,
        tls: connection.tls,
        upgrade: undefined,
        expectsContinue,
      }),
    )
  }

  server.on('request', (request, response) => accept(request, response, false))
  server.on('checkContinue', (request, response) => accept(request, response, true))
  server.on('checkExpectation', (request, response) => {
    const connection = connections.get(request.socket)
    if (connection === undefined || connection.ending) return
    // It may wait behind an earlier answer, and what came behind it would be served meanwhile.
    connection.ending = true
    answerShortly(response, 417, 'That expectation cannot be met.')
  })
  server.on('clientError', (error, socket) => {
    const connection = connections.get(socket)
    if (connection === undefined) return void socket.destroy()
    answerClientError(error, socket as Socket, connection, acceptance)
  })
  server.on('connect', (request, socket) => {
    const connection = connections.get(socket)
    const response = connection && responseOnSocket(request, socket)
    if (connection === undefined || response === undefined) return void socket.destroy()
    refuse(connection, response, 'method_not_allowed')
  })
  server.on('upgrade', (request, socket, head) => {
    const connection = connections.get(socket)
    if (connection === undefined) return void socket.destroy()
    const response = responseOnSocket(request, socket)
    if (response === undefined) return endAfterAnswer(connection, socket)
    const fault = hasTooManyFields(request)
      ? 'headers_too_large'
      : isHandshake(request)
        ? undefined
        : 'upgrade_invalid'
    if (fault !== undefined) return refuse(connection, response, fault)
    connection.served += 1
    connection.protocol = 'websocket'
    connection.response = response as ServerResponse
    serve({
      request,
      response,
      listener: connection.listener,
      peer: connection.peer,
      peerPort: connection.peerPort,
      tls: connection.tls,
      upgrade: { socket, head },
      expectsContinue: false,
    })
  })

  return {
    take(connection, socket) {
      connection.protocol = 'http/1.1'
      connection.plain = socket
      connections.set(socket, connection)
      socket.once('close', () => connections.delete(socket))
      server.emit('connection', socket)
    },
    apply(limits) {
      Object.assign(server, timeouts(limits))
      setCounts(server, limits)
    },
    close: () => void server.close(),
  }
}

// --- Internal ---

interface Arrived {
  /** The response to the request before, if there was one. */
  readonly earlier: ServerResponse | undefined
  readonly request: IncomingMessage
  readonly response: ServerResponse
}

/**
 * So many requests of a connection may have been read while one is answered; one more ends it. 64 KB may hold 2,400, which
 * are 5 MB in memory. It is read all the time, since who does not read is not told that the client has gone.
 */
const mostAhead = 256

/**
 * One request of a connection is served at a time, however many were sent ahead of their answers: what they do
 * may depend on their order (RFC 9112 §9.3.2), and one packet of 64 KB, which may hold 1,500 of them, would be
 * that much work for an upstream at once.
 */
function afterEarlier(
  connection: Connection,
  { earlier, request, response }: Arrived,
  acceptance: Acceptance,
  begin: () => void,
): void {
  if (earlier === undefined || earlier.writableFinished || earlier.destroyed) return begin()
  const { socket } = request
  waitBehind(connection, socket, acceptance)
  earlier.once('close', () => {
    connection.ahead -= 1
    // The client has gone, or the earlier answer was the last.
    if (!socket.destroyed && !socket.writableEnded && !response.destroyed) begin()
  })
}

/** One more has been read before its time. */
function waitBehind(connection: Connection, socket: Socket, acceptance: Acceptance): void {
  connection.ahead += 1
  if (connection.ahead > mostAhead && !socket.destroyed) {
    connection.ending = true
    acceptance.clientError('PIPELINE_FLOOD', connection.peer.text)
    socket.destroy()
  }
}

/** A handshake behind a request that is still being answered: the two answers would mix, so it gets none. */
function endAfterAnswer({ response }: Connection, socket: Duplex): void {
  if (response === undefined || response.writableFinished) return void socket.destroy()
  response.shouldKeepAlive = false
  response.once('finish', () => endSoon(socket))
  // Nobody else reads it any more, and who does not read is not told that the client has gone.
  socket.resume().once('end', () => socket.destroy())
}

function timeouts(limits: Limits): {
  headersTimeout: number
  keepAliveTimeout: number
  maxHeaderSize: number
} {
  return {
    headersTimeout: limits.headTimeout,
    keepAliveTimeout: limits.keepAlive,
    maxHeaderSize: limits.headerSize,
  }
}

/**
 * One more than we allow, so that too many can be told from just enough. Node drops what is past its count,
 * and Transfer-Encoding among the dropped ones still shapes the body (CVE-2026-58044).
 */
function setCounts(server: Server, limits: Limits): void {
  server.maxHeadersCount = limits.headerCount + 1
}

/** Milliseconds between looks at the clock: a timeout is kept to within a quarter, and a second at most. */
export function checkingInterval({ headTimeout }: Limits): number {
  return Math.min(1000, Math.max(20, Math.floor(headTimeout / 4)))
}
