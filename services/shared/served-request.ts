import { AsyncLocalStorage } from 'node:async_hooks'
import { randomUUID } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'

/** By which the logs of the proxy and of all services name one request. */
export interface ServedRequest {
  readonly requestId: string
  /** 32 hex digits, where the proxy traces. */
  readonly traceId: string | undefined
}

/**
 * Runs what serves a request. Whatever is logged on its way, however deep, then names it: nobody has to hand its id on.
 *
 * It ends with the response. A connection that was opened for a request lives on, and what is said of it later is not
 * about that request.
 */
export function serving<T>(
  request: IncomingMessage,
  response: ServerResponse,
  run: (served: ServedRequest) => T,
): T {
  const served: ServedRequest = { requestId: requestIdOf(request), traceId: traceIdOf(request) }
  const place: Place = { served }
  response.once('close', () => {
    place.served = undefined
  })
  return storage.run(place, run, served)
}

/** The request that is being served here and now, if one is. */
export function servedRequest(): ServedRequest | undefined {
  return storage.getStore()?.served
}

// --- internal ---

/** Undefined once the response has ended. */
interface Place {
  served: ServedRequest | undefined
}

const storage = new AsyncLocalStorage<Place>()

/** What the proxy sent, and what fits into a line of a log: nothing else is believed. */
function requestIdOf({ headers }: IncomingMessage): string {
  const given = headers['x-request-id']
  return typeof given === 'string' && /^[\w.:-]{1,128}$/.test(given) ? given : randomUUID()
}

function traceIdOf({ headers }: IncomingMessage): string | undefined {
  const given = headers.traceparent
  return typeof given === 'string'
    ? /^00-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}$/.exec(given)?.[1]
    : undefined
}
