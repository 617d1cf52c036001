import http, { type IncomingMessage, type ServerResponse } from 'node:http'
import http2 from 'node:http2'
import express, { type Express, type RequestHandler } from 'express'
import type { Incoming } from './accept/incoming.ts'

/**
 * Express middleware of the user's, run between the policies and the relay, for requests and upgrades alike:
 * an upgrade has a response on its raw socket, so a middleware that refuses refuses both.
 *
 * Resolves to `next` when the middleware let the exchange pass, to `answered` when it took it over.
 */
export type Middleware = (client: Pick<Incoming, 'request' | 'response'>) => Promise<'next' | 'answered'>

export function mountMiddleware(handlers: readonly RequestHandler[]): Middleware {
  const http1App = createApp(handlers)
  const http2App = asHttp2(createApp(handlers))
  return ({ request, response }) =>
    new Promise((resolve, reject) => {
      // Middleware that waits for a client that has gone must not keep the exchange.
      response.once('close', () => resolve('answered'))
      if (!('stream' in request) && request.readableEnded) tellEnds(request, response as ServerResponse)
      const app = (request.httpVersionMajor === 2 ? http2App : http1App) as unknown as (
        req: unknown,
        res: unknown,
        done: (error?: unknown) => void,
      ) => void
      app(request, response, (error) =>
        error === undefined || error === null ? resolve('next') : reject(error),
      )
    })
}

/**
 * A request that comes without a body has ended before it is seen (`optimizeEmptyRequests` in accept/http1.ts), and
 * tells nobody of it. Middleware may wait for that, or for the `close` by which many learn that a client has left.
 */
function tellEnds(request: IncomingMessage, response: ServerResponse): void {
  request.on('newListener', (event, listener: () => void) => {
    if (event === 'end') process.nextTick(() => listener.call(request))
    if (event === 'close') response.once('close', () => listener.call(request))
  })
}

function createApp(handlers: readonly RequestHandler[]): Express {
  const app = express()
  app.disable('x-powered-by')
  app.use(...handlers)
  return app
}

/**
 * `express()` replaces the prototype of every request with its own, which is made for HTTP/1.1 and kills the
 * process on the first HTTP/2 request. So for HTTP/2 its additions are laid over HTTP/2's own prototypes.
 */
function asHttp2(app: Express): Express {
  const mutable = app as unknown as { request: object; response: object }
  mutable.request = graft(mutable.request, http.IncomingMessage.prototype, http2.Http2ServerRequest.prototype)
  mutable.response = graft(
    mutable.response,
    http.ServerResponse.prototype,
    http2.Http2ServerResponse.prototype,
  )
  return app
}

function graft(additions: object, from: object, onto: object): object {
  const grafted = Object.create(onto)
  for (let layer = additions; layer !== from; layer = Object.getPrototypeOf(layer)) {
    for (const [key, property] of Object.entries(Object.getOwnPropertyDescriptors(layer))) {
      if (!Object.hasOwn(grafted, key)) Object.defineProperty(grafted, key, property)
    }
  }
  return grafted
}
