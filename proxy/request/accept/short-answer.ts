import { type ServerResponse, STATUS_CODES } from 'node:http'
import type { Duplex } from 'node:stream'
import { type ErrorCode, errors } from '../../errors.ts'
import type { ClientResponse } from './incoming.ts'

/** How long a client may take to read an answer before its connection is cut. In milliseconds. */
const linger = 1000

/**
 * Answers what never became a request: one short plain response on a bare socket, and the end of it. Pages
 * and logs are for requests; this is for whoever is not speaking HTTP well enough to have one.
 */
export function answerSocket(socket: Duplex, code: ErrorCode): void {
  const { status, text } = errors[code]
  endSoon(
    socket,
    `HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\nConnection: close\r\n` +
      `Content-Type: text/plain; charset=utf-8\r\nContent-Length: ${Buffer.byteLength(text) + 1}\r\n\r\n${text}\n`,
  )
}

/** Answers a request that is refused before it is one exchange: too many fields, an unknown expectation. */
export function answerShortly(response: ClientResponse, status: number, text: string): void {
  const body = `${text}\n`
  const headers = { 'content-type': 'text/plain; charset=utf-8', 'content-length': Buffer.byteLength(body) }
  if (!('stream' in response)) response.shouldKeepAlive = false
  const answer = (response as ServerResponse).writeHead(status, headers)
  // Node throws at a body for HEAD, and nobody would catch it here.
  if (response.req.method === 'HEAD') answer.end()
  else answer.end(body)
}

/**
 * Ends a socket, and what the peer still sends is read and thrown away for a moment: bytes that wait unread
 * at `destroy` become a reset, and a reset makes the peer drop the answer that it has not read yet.
 */
export function endSoon(socket: Duplex, lastWords?: string): void {
  socket.end(lastWords)
  socket.resume()
  const timer = setTimeout(() => socket.destroy(), linger)
  timer.unref()
  socket.once('close', () => clearTimeout(timer))
}
