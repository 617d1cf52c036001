import type { Connection, Limits } from './connection.ts'
import { leaveHttp2, tendHttp2 } from './http2-idle.ts'

/** How long a connection without a single request is waited for when we stop. In milliseconds. */
const unusedPatience = 2000

/** Looks after one connection: ends what takes too long and what Node itself has no clock for. */
export function tend(connection: Connection, limits: Limits): void {
  switch (connection.protocol) {
    case 'opening':
      if (performance.now() - connection.acceptedAt > limits.headTimeout) connection.socket.destroy()
      return
    case 'websocket':
      return tendUntaken(connection, limits)
    case 'http/1.1':
      tendUntaken(connection, limits)
      // Ten thousand idle connections should not hold ten thousand finished exchanges.
      if (connection.response !== undefined && !isBusy(connection)) {
        connection.request = undefined
        connection.response = undefined
      }
      return
    case 'h2':
      if (connection.http2 !== undefined) tendHttp2(connection, connection.http2, limits)
  }
}

/** Bytes a second that a client has to take of one write, of whose parts nothing tells. */
const leastRate = 4096

/**
 * Ends a client that takes nothing of an answer which has been written to its end: no other clock knows of it, and with
 * the kernel's buffers full it would be held for ever. One that is still being written has the clock of its route, as
 * has a tunnel, whose response never ends.
 */
function tendUntaken(connection: Connection, limits: Limits): void {
  const { untaken, plain, response, socket } = connection
  const left = plain?.writableLength ?? 0
  if (left === 0 || (connection.ahead === 0 && response?.writableEnded === false)) {
    connection.untaken = undefined
    return
  }
  const written = plain?.bytesWritten ?? 0
  const now = performance.now()
  if (untaken === undefined || untaken.left !== left || untaken.written !== written)
    connection.untaken = { left, written, since: now }
  else if (now - untaken.since > limits.keepAlive + (left / leastRate) * 1000) socket.destroy()
}

/** Ends a connection as soon as nobody can lose by it: at once if it is idle, after its answer if not. */
export function partFrom(connection: Connection): void {
  const { response, socket, plain } = connection
  switch (connection.protocol) {
    case 'opening':
      return
    case 'http/1.1':
      if (isBusy(connection)) {
        if (response !== undefined && !response.headersSent) response.shouldKeepAlive = false
      } else if (connection.served > 0 || socket.bytesRead === 0 || isOld(connection)) {
        // `destroySoon` says goodbye in TLS first; without that some clients take the end for an attack.
        plain?.destroySoon()
      }
      return
    case 'h2':
      if (connection.http2 !== undefined) leaveHttp2(connection.http2)
  }
}

function isBusy({ request, response }: Connection): boolean {
  return (
    response !== undefined &&
    !response.destroyed &&
    !(response.writableFinished && request?.complete === true)
  )
}

function isOld({ acceptedAt }: Connection): boolean {
  return performance.now() - acceptedAt > unusedPatience
}
