import type { IncomingMessage } from 'node:http'
import { constants, type ServerHttp2Stream } from 'node:http2'
import type { Writable } from 'node:stream'
import type { ClientResponse } from '../accept/incoming.ts'
import type { Exchange } from '../exchange.ts'

/**
 * Ends a response that has begun so that the client sees that it is not whole: by closing the connection over
 * HTTP/1.1 (RFC 9112 §8), by resetting the stream over HTTP/2 (RFC 9113 §5.4.2).
 */
export function cutShort({ request, response }: Exchange): void {
  if ('stream' in request) return request.stream.close(constants.NGHTTP2_INTERNAL_ERROR)
  const { socket } = request
  // To HTTP/1.0 the end of the connection may be the end of the body, so it has to be no clean one. In TLS it is none.
  if (request.httpVersionMinor === 0 && !('encrypted' in socket)) socket.resetAndDestroy()
  response.destroy()
}

/**
 * Waits until the client has taken what was written. One that takes nothing for as long as its route allows
 * silence is cut off: whoever asks for much and reads nothing would be held for ever. A response that has ended
 * meanwhile tells of no drain any more; then it has the same time to be taken as a whole.
 */
export function whenTaken(exchange: Exchange, output: Writable, taken: () => void): void {
  const { response, matched } = exchange
  const timer = setTimeout(() => cutShort(exchange), matched?.config.timeouts.idle ?? patience)
  const settled = (): void => {
    clearTimeout(timer)
    response.off('close', settled)
    output.off('drain', drained)
  }
  const drained = (): void => {
    settled()
    taken()
  }
  response.once('close', settled)
  output.once('drain', drained)
}

/** Milliseconds that a client may take nothing where no route says so. */
const patience = 60_000

/** Sees to it that a request does not outlast its response for long. Called before the head is written. */
export function endRequestAfter({ request, response }: Exchange): void {
  if (!('stream' in request)) {
    if (!request.complete) lingerAfter(request, response)
  } else if (!request.stream.endAfterHeaders && !request.complete) endStreamAfter(request.stream)
}

/** How long a client may go on sending a body that nobody wants, so that it comes to read the response. */
const lingerFor = 5_000

/**
 * A response may be ready before the request has ended. Reading the rest for ever would let a client hold us;
 * closing at once would reset the connection and lose the response on its way. So the rest is read and thrown
 * away for a while, and then the connection ends.
 */
function lingerAfter(request: IncomingMessage, response: ClientResponse): void {
  response.once('finish', () => {
    if (request.complete) return
    const { socket } = request
    const timer = setTimeout(() => socket.destroy(), lingerFor)
    const over = (): void => {
      clearTimeout(timer)
      socket.off('close', over)
    }
    request.once('end', over)
    // A request whose response has been sent does not hear that its socket is closed.
    socket.once('close', over)
  })
}

/**
 * The same over HTTP/2: once the response is whole, the rest of the request is not waited for (RFC 9113 §8.1).
 * Otherwise a client that never ends its body would keep the exchange, and its connection from being idle.
 */
function endStreamAfter(stream: ServerHttp2Stream): void {
  const end = (): void => {
    if (stream.destroyed || stream.closed) return
    // Not before END_STREAM has left: a reset would overtake it.
    if (stream.state.localClose === 1) stream.close(constants.NGHTTP2_NO_ERROR)
    else setTimeout(end, 50)
  }
  stream.once('finish', () => setImmediate(end))
}
