import { constants, type ServerHttp2Stream } from 'node:http2'
import type { Connection, Http2State, Limits } from './connection.ts'

/** How long a client that was told goodbye may take to read the rest and hang up. In milliseconds. */
const farewell = 3000

/**
 * Ends what Node leaves open for ever on HTTP/2: a client that says nothing after the handshake or sends a
 * header block without end (neither ever opens a stream), an idle connection, and a client that asks and
 * then takes nothing (window 0). PINGs do not count as life. Called for each connection now and then.
 */
export function tendHttp2(connection: Connection, state: Http2State, limits: Limits): void {
  for (const stream of state.streams) {
    // Reset by the client, and Node waits for the end of a response that nobody takes any more.
    if (stream.closed) stream.destroy()
    else if (stream.writableLength > 0 && !state.slow.has(stream)) watchSlow(stream, state, limits.keepAlive)
  }
  if (state.streams.size > 0) return
  const now = performance.now()
  if (state.leftAt > 0) {
    if (now - Math.max(state.leftAt, state.idleSince) > farewell) connection.socket.destroy()
    return
  }
  if (connection.served === 0) {
    if (now - state.idleSince > limits.headTimeout) state.session.destroy()
  } else if (now - state.idleSince > limits.keepAlive) leaveHttp2(state)
}

/** GOAWAY: what runs may end, nothing new begins, and the connection closes after the last stream. */
export function leaveHttp2(state: Http2State): void {
  if (state.session.destroyed || state.session.closed) return
  state.leftAt = performance.now()
  state.session.close()
}

/** Node's own clock of a stream starts again with every chunk that leaves, so a slow reader is not a stalled one. */
function watchSlow(stream: ServerHttp2Stream, state: Http2State, patience: number): void {
  state.slow.add(stream)
  stream.setTimeout(patience, () => {
    state.slow.delete(stream)
    if (stream.writableLength > 0) stream.close(constants.NGHTTP2_CANCEL)
    else stream.setTimeout(0)
  })
}
