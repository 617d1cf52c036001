import type { Socket } from 'node:net'
import type { ErrorCode } from '../../errors.ts'
import type { Acceptance, Connection } from './connection.ts'
import { answerSocket, endSoon } from './short-answer.ts'

/**
 * What is done about bytes that are no HTTP/1.1, and about heads that never end. A response that is on its
 * way is finished first: a device that sends one byte too many after its request still gets its answer.
 */
export function answerClientError(
  error: NodeJS.ErrnoException,
  socket: Socket,
  connection: Connection,
  acceptance: Acceptance,
): void {
  // Node tells of every further chunk of a broken connection too.
  if (connection.broken) return
  connection.broken = true
  connection.ending = true
  if (!isGoodbye(error, connection)) acceptance.clientError(error.code ?? 'UNKNOWN', connection.peer.text)
  if (!socket.writable || error.syscall !== undefined || error.code === 'ECONNRESET')
    return void socket.destroy()

  const { request, response } = connection
  if (response !== undefined && !response.writableFinished && !response.destroyed) {
    if (request?.complete) {
      response.shouldKeepAlive = false
      response.once('finish', () => endSoon(socket))
    } else if (response.socket === socket && !response.headersSent) answerSocket(socket, codeOf(error))
    // Half a response, or one that waits behind another: nothing can be said without lying.
    else socket.destroy()
    return
  }
  // A stray byte after a request, and the head that never comes after it. Nobody waits for an answer.
  if (connection.served > 0 && quietCodes.has(error.code ?? '')) return void socket.destroy()
  answerSocket(socket, codeOf(error))
}

/** A client that has its answers may leave by a reset, as curl does. One that leaves an exchange is told of by that. */
export function isGoodbye({ code }: NodeJS.ErrnoException, { served }: Connection): boolean {
  return code === 'ECONNRESET' && served > 0
}

const quietCodes = new Set(['HPE_INVALID_METHOD', 'HPE_INVALID_EOF_STATE', 'ERR_HTTP_REQUEST_TIMEOUT'])

function codeOf({ code }: NodeJS.ErrnoException): ErrorCode {
  switch (code) {
    case 'HPE_HEADER_OVERFLOW':
      return 'headers_too_large'
    case 'HPE_CHUNK_EXTENSIONS_OVERFLOW':
      return 'body_too_large'
    case 'ERR_HTTP_REQUEST_TIMEOUT':
      return 'request_timeout'
    default:
      return 'bad_request'
  }
}
