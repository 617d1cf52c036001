import { type IncomingMessage, ServerResponse } from 'node:http'
import type { Duplex } from 'node:stream'
import type { ClientResponse } from './incoming.ts'
import { endSoon } from './short-answer.ts'

/**
 * Whether Node should stop reading HTTP here. Only WebSockets become upgrades; a wish for h2c or TLS is
 * ignored, as RFC 9110 §7.8 allows, and the request is served like any other.
 */
export function wantsWebSocket(request: IncomingMessage): boolean {
  return request.headers.upgrade?.toLowerCase() === 'websocket'
}

/**
 * A handshake is a GET of HTTP/1.1 without a body (RFC 6455 §4.1). With one, the body's bytes would be read
 * as frames by one side and as the next request by the other.
 */
export function isHandshake({ method, httpVersion, headers }: IncomingMessage): boolean {
  return (
    method === 'GET' &&
    httpVersion === '1.1' &&
    headers['transfer-encoding'] === undefined &&
    (headers['content-length'] ?? '0') === '0'
  )
}

/**
 * A response on the raw socket of an upgrade, so that a refusal is written like any other; the connection
 * ends after it. Answers undefined if an earlier, pipelined request is still being answered there: the two
 * answers would mix.
 */
export function responseOnSocket(request: IncomingMessage, socket: Duplex): ClientResponse | undefined {
  const response = new ServerResponse(request)
  response.shouldKeepAlive = false
  try {
    response.assignSocket(request.socket)
  } catch {
    return undefined
  }
  response.once('finish', () => {
    response.detachSocket(request.socket)
    endSoon(socket)
    // The finish of every exchange is `close`, which a detached response does not hear of.
    response.emit('close')
  })
  socket.on('drain', () => {
    if (response.socket) response.emit('drain')
  })
  // While nobody has decided, a client that half-closes has gone. Nobody else is watching the socket yet.
  socket.once('end', () => {
    if (response.socket && !response.writableEnded) socket.destroy()
  })
  return response
}
