import type { IncomingMessage, ServerResponse } from 'node:http'
import { gauge, histogram } from './metrics.ts'

const durations = histogram(
  'http_request_duration_seconds',
  'Requests that were answered, and how long each took, body included. `route`: its pattern, `_other` for files and what is not there. `code` 499: the client left. Event streams are not in it.',
  { method: [] as readonly string[], route: [] as readonly string[], code: [] as readonly string[] },
)
const inFlight = gauge(
  'http_requests_in_flight',
  'Requests that are being answered, event streams among them.',
)
let underway = 0
inFlight.read(() => underway)

/** One that is being answered. */
export interface WatchedRequest {
  /** The pattern of its route: text of ours, never of the client's. */
  route: string
}

/** Counts and times a request, by the route that it turns out to have. */
export function watchRequest({ method = '' }: IncomingMessage, response: ServerResponse): WatchedRequest {
  const watched: WatchedRequest = { route: '_other' }
  const started = performance.now()
  underway += 1
  response.once('close', () => {
    underway -= 1
    // Open for as long as somebody looks at a page, they would say nothing of how quick the service is.
    if (String(response.getHeader('content-type')).startsWith('text/event-stream')) return
    const code = response.writableFinished ? String(response.statusCode) : '499'
    const known = methods.has(method) ? method : '_other'
    durations.observe({ method: known, route: watched.route, code }, (performance.now() - started) / 1000)
  })
  return watched
}

// --- internal ---

/** Node's parser knows some thirty more, of which a client would make as many series. */
const methods = new Set(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'])
