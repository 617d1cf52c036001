import express, { type Express, type NextFunction, type Request, type Response } from 'express'
import { isAway, isUnkeepable } from './database.ts'
import { type WatchedRequest, watchRequest } from './http-metrics.ts'
import type { Logger } from './logger.ts'
import { Problem } from './problem.ts'
import { serving } from './served-request.ts'

/**
 * An Express app as every service begins with: no banner, the client's address from the proxy, its request id in
 * whatever is logged on the way, one line for each request that failed (LOG_LEVEL=debug: for each). Routes follow, then
 * `answerErrors`.
 */
export function createApp(log: Logger): Express {
  const app = express()
  app.disable('x-powered-by')
  app.disable('etag')
  // Only Gatehouse reaches a service, over loopback, a unix socket, or the network of its containers.
  app.set('trust proxy', 1)
  app.use((request, response, next) => {
    noteRoute(request, watchRequest(request, response))
    const started = performance.now()
    serving(request, response, ({ requestId, traceId }) => {
      response.locals.requestId = requestId
      response.setHeader('X-Request-Id', requestId)
      response.on('close', () => {
        const { statusCode: status, writableFinished } = response
        const took = Math.round(performance.now() - started)
        const fields = { method: request.method, path: request.path, status, took, requestId, traceId }
        if (!writableFinished) log.info('a client left before its answer was whole', fields)
        else if (status >= 500) log.error('a request failed', fields)
        else log.debug('a request was answered', fields)
      })
      next()
    })
  })
  return app
}

/** Put in last: what no route answered is a 404, what a route threw becomes problem details. */
export function answerErrors(app: Express, log: Logger): void {
  app.use((request, _response, next) => {
    next(new Problem(404, `There is nothing at ${request.path}`))
  })
  // Express knows an error handler by its four parameters.
  app.use((error: unknown, request: Request, response: Response, _next: NextFunction) => {
    const problem = problemOf(error)
    if (problem.status >= 500) log.error(problem.title, { error, path: request.path })
    // A second head cannot be written: a response that broke after it began ends as broken.
    if (response.headersSent) return void response.destroy()
    const { status, title, more, headers } = problem
    response.status(status).set(headers).type('application/problem+json')
    response.send(JSON.stringify({ title, status, requestId: response.locals.requestId, ...more }))
  })
}

// --- internal ---

/**
 * The pattern is asked for when Express finds the route: by the time that a refusal is written, Express has forgotten where
 * its router was mounted. It takes `/DESKTOP` for `/desktop` and says so, which would be a name of the client's.
 */
function noteRoute(request: Request, watched: WatchedRequest): void {
  let route: { readonly path: unknown } | undefined
  Object.defineProperty(request, 'route', {
    get: () => route,
    set(found: typeof route) {
      route = found
      if (found) watched.route = `${request.baseUrl.toLowerCase()}${String(found.path)}`
    },
  })
}

function problemOf(error: unknown): Problem {
  if (error instanceof Problem) return error
  if (isAway(error))
    return new Problem(503, 'The database is away; try again in a moment', {
      headers: { 'Retry-After': '5' },
    })
  // Express says of `%E0%A4%A` in a path that it is 400, and not that the client may hear so.
  if (error instanceof URIError) return new Problem(400, 'The address cannot be read')
  if (isUnkeepable(error)) return new Problem(400, 'A text holds a character that cannot be kept')
  // Express's own readers of bodies say by `status` and `expose` what the client may hear.
  const { status, expose, message } = error as { status?: number; expose?: boolean; message?: string }
  if (status !== undefined && status < 500 && expose === true)
    return new Problem(status, message ?? 'Bad request')
  return new Problem(500, 'Something went wrong here; it has been written down')
}
