import { Readable } from 'node:stream'
import { GatehouseError } from '../../errors.ts'
import type { Exchange } from '../exchange.ts'
import type { Route, WatchedBody } from '../match/route.ts'

/** How a request's body is framed, so that it is framed again and never guessed (RFC 9112 §6.3). */
export type Framing = 'none' | 'chunked' | number

/**
 * Whether there is a body, and how long it is.
 *
 * The method does not decide: a DELETE or GET may carry one, and one that is relayed without its framing runs
 * as the next request of that connection (request smuggling, over HTTP/1.1 and from HTTP/2 alike).
 */
export function framingOf({ request }: Exchange): Framing {
  const length = request.headers['content-length']
  if (length !== undefined) {
    if (!/^\d{1,15}$/.test(length)) throw new GatehouseError('framing_invalid', 'a length that is no number')
    return Number(length) === 0 ? 'none' : Number(length)
  }
  if ('stream' in request) return request.stream.endAfterHeaders ? 'none' : 'chunked'
  return request.headers['transfer-encoding'] === undefined ? 'none' : 'chunked'
}

/** Uploads are looked at this often. Milliseconds. */
const rateWindow = 10_000

/**
 * The body of a request on its way to the upstream: counted, limited, and ended when it comes too slowly.
 *
 * The client's own stream is not handed over, because whoever destroys it destroys the client's connection,
 * and with it the response that says why.
 */
export function relayedBody(exchange: Exchange, route: Route, framing: Framing): Readable {
  const { request } = exchange
  const { bodyLimit, config } = route
  const minRate = config.minUploadRate
  // A declared length was judged by the policy itself.
  const watched = framing === 'chunked' ? route.watchedBody : undefined
  const watchedLimit = watched?.limit ?? Number.POSITIVE_INFINITY
  let waiting = false
  let seen = 0
  const body = new Readable({
    read() {
      waiting = true
      request.resume()
    },
    destroy(error, callback) {
      clearInterval(timer)
      request.off('data', onData)
      request.off('end', onEnd)
      // What still comes is thrown away: a client that reads only when it has sent all would never see its answer.
      request.resume()
      callback(error)
    },
  })
  const onData = (chunk: Buffer): void => {
    exchange.bytesReceived += chunk.length
    if (exchange.bytesReceived > bodyLimit)
      return void body.destroy(new GatehouseError('body_too_large', `more than ${bodyLimit} bytes`))
    if (exchange.bytesReceived > watchedLimit && watched !== undefined) noteOutgrown(exchange, watched)
    if (body.push(chunk)) return
    waiting = false
    request.pause()
  }
  const onEnd = (): void => {
    clearInterval(timer)
    body.push(null)
  }
  // Only a client that could send and does not is slow; one that waits for the upstream is not.
  const timer = setInterval(() => {
    const received = exchange.bytesReceived - seen
    seen = exchange.bytesReceived
    if (waiting && received < (minRate * rateWindow) / 1000)
      body.destroy(new GatehouseError('request_timeout', `${received} bytes in ${rateWindow} ms`))
  }, rateWindow).unref()
  request.on('data', onData)
  request.once('end', onEnd)
  request.once('aborted', () => body.destroy(new Error('the client left in the middle of its body')))
  // It may break while no connection reads it yet, and nobody may be there to hear of it.
  body.on('error', () => {})
  exchange.response.once('close', () => body.destroy())
  request.pause()
  return body
}

/** Once, and in the log as if the policy had said it at the beginning. */
function noteOutgrown(exchange: Exchange, { policy, limit }: WatchedBody): void {
  if (exchange.outgrew !== undefined) return
  exchange.outgrew = policy
  exchange.observed = [...(exchange.observed ?? []), { policy, reason: `more than ${limit} bytes` }]
}
