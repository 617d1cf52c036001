import {
  constants,
  createServer,
  type Http2ServerRequest,
  type Http2ServerResponse,
  type ServerHttp2Session,
  type ServerHttp2Stream,
} from 'node:http2'
import type { Socket } from 'node:net'
import { errors } from '../../errors.ts'
import { createBudget } from './budget.ts'
import { isGoodbye } from './client-error.ts'
import type { Acceptance, Connection, Http2State, Limits } from './connection.ts'
import type { Serve } from './incoming.ts'
import { answerShortly } from './short-answer.ts'

/** HTTP/2 on connections whose TLS handshake has chosen it. */
export interface Http2 {
  take(connection: Connection, socket: Socket): void
  apply(limits: Limits): void
}

/** What one stream may send before the relay has taken it, and all streams of a connection together. Bytes. */
const streamWindow = 1024 ** 2
const connectionWindow = 4 * 1024 ** 2

/**
 * Streams that may end in a reset: a browser that leaves a page full of pictures cancels a hundred at once.
 * Past it, it is rapid reset (CVE-2023-44487) or MadeYouReset (CVE-2025-8671): work asked for and thrown away.
 */
const resets = { burst: 200, perSecond: 20 }
/** PING and SETTINGS frames, each of which costs us an answer. gRPC measures its bandwidth with PINGs. */
const controls = { burst: 1000, perSecond: 1000 }
const settingsCost = 20

export function createHttp2(acceptance: Acceptance, serve: Serve): Http2 {
  const connections = new Map<ServerHttp2Session, Connection>()
  let arriving: Connection | undefined
  const server = createServer({
    settings: settings(acceptance.limits),
    // Room above our own count, which answers 431; past this Node resets the stream without a word.
    maxHeaderListPairs: 1100,
    maxSessionInvalidFrames: 100,
    maxSessionMemory: 16,
  })

  const accept = (
    request: Http2ServerRequest,
    response: Http2ServerResponse,
    expectsContinue: boolean,
  ): void => {
    // A stream that was reset in the same packet has no session any more: no work is begun for it.
    const session = request.stream.destroyed ? undefined : request.stream.session
    const connection = session && connections.get(session as ServerHttp2Session)
    if (connection === undefined) return
    connection.served += 1
    if (isTooLarge(request.rawHeaders, acceptance.limits)) {
      acceptance.clientError('headers_too_large', connection.peer.text)
      return answerShortly(response, errors.headers_too_large.status, errors.headers_too_large.text)
    }
    if (request.method === 'HEAD') tellCancelled(request, response)
    serve({
      request,
      response,
      listener: connection.listener,
      peer: connection.peer,
      peerPort: connection.peerPort,
      tls: connection.tls,
      upgrade: undefined,
      expectsContinue,
    })
  }

  server.on('request', (request, response) => accept(request, response, false))
  server.on('checkContinue', (request, response) => accept(request, response, true))
  server.on('checkExpectation', (_request, response) => {
    answerShortly(response, 417, 'That expectation cannot be met.')
  })
  server.on('session', (session) => {
    const connection = arriving
    if (connection === undefined) return session.destroy()
    connections.set(session, connection)
    connection.http2 = watchSession(session, acceptance)
    session.once('close', () => connections.delete(session))
  })
  server.on('sessionError', (error: NodeJS.ErrnoException, session) => {
    const connection = connections.get(session)
    if (connection === undefined || isGoodbye(error, connection)) return
    acceptance.clientError(error.code ?? 'UNKNOWN', connection.peer.text)
  })

  return {
    take(connection, socket) {
      connection.protocol = 'h2'
      arriving = connection
      server.emit('connection', socket)
      arriving = undefined
    },
    apply: (limits) => server.updateSettings(settings(limits)),
  }
}

// --- Internal ---

function settings(limits: Limits): {
  maxConcurrentStreams: number
  initialWindowSize: number
  maxHeaderListSize: number
} {
  return {
    maxConcurrentStreams: limits.streams,
    initialWindowSize: streamWindow,
    // Node resets a stream that is past what was announced, and its client learns nothing. So we announce more than
    // we take, and answer 431 in between: cookies that have grown too large are the common case.
    maxHeaderListSize: limits.headerSize * 2,
  }
}

function watchSession(session: ServerHttp2Session, acceptance: Acceptance): Http2State {
  const state: Http2State = {
    session,
    streams: new Set(),
    slow: new Set(),
    idleSince: performance.now(),
    leftAt: 0,
    resets: createBudget(resets.burst, resets.perSecond),
    controls: createBudget(controls.burst, controls.perSecond),
  }
  session.setLocalWindowSize(connectionWindow)
  // Told as an error of the session, and counted where those are.
  const calm = (code: string): void => {
    if (session.destroyed) return
    state.leftAt = performance.now()
    session.destroy(Object.assign(new Error(code), { code }), constants.NGHTTP2_ENHANCE_YOUR_CALM)
  }
  const streamClosed = function (this: ServerHttp2Stream): void {
    state.streams.delete(this)
    state.slow.delete(this)
    if (state.streams.size === 0) state.idleSince = performance.now()
    // One without an error is a reset as well, if there was still something to say.
    const wasReset = this.rstCode !== constants.NGHTTP2_NO_ERROR || this.aborted
    if (wasReset && !state.resets.spend()) calm('H2_RAPID_RESET')
  }
  // A reset that calls itself no error, in the midst of a response that waits for the client: Node keeps the stream
  // until the response has been taken, which is never, and with it the session, even when the connection has gone.
  const streamAborted = function (this: ServerHttp2Stream): void {
    setImmediate(() => this.destroy())
  }
  session.on('stream', (stream) => {
    state.streams.add(stream)
    stream.once('close', streamClosed)
    stream.once('aborted', streamAborted)
  })
  session.on('ping', () => {
    if (!state.controls.spend()) calm('H2_PING_FLOOD')
  })
  session.on('remoteSettings', () => {
    if (!state.controls.spend(settingsCost)) calm('H2_SETTINGS_FLOOD')
  })
  if (acceptance.stopping) session.close()
  return state
}

/**
 * Node's response tells of the end of its stream, except of a HEAD that nobody has answered: it asks whether both know
 * of the method, and learns of it in `end`. So the exchange, and what the upstream does for it, would outlast the client.
 */
function tellCancelled({ stream }: Http2ServerRequest, response: Http2ServerResponse): void {
  let told = false
  response.once('close', () => {
    told = true
  })
  stream.once('close', () => {
    if (!told) response.emit('close')
  })
}

function isTooLarge(raw: readonly string[], { headerSize, headerCount }: Limits): boolean {
  let size = 0
  // As HTTP/1.1 writes them: a colon and a blank, or a line end, behind each.
  for (const text of raw) size += text.length + 2
  return size > headerSize || countFields(raw, headerCount) > headerCount
}

/**
 * Fields of a request, pseudo-fields left out, and Cookie counted once: browsers split it into one field for
 * each cookie (RFC 9113 §8.2.3). Counts only where the number can matter.
 */
function countFields(raw: readonly string[], most: number): number {
  if (raw.length <= most * 2) return 0
  let count = 0
  let cookies = 0
  for (let i = 0; i < raw.length; i += 2) {
    const name = raw[i] as string
    if (name === 'cookie') cookies = 1
    else if (name[0] !== ':') count += 1
  }
  return count + cookies
}
