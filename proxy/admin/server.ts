import http from 'node:http'
import { fileURLToPath } from 'node:url'
import express, { type ErrorRequestHandler, type RequestHandler, type Response } from 'express'
import helmet from 'helmet'
import { logger } from '../observability/logger.ts'
import type { Dashboard } from './dashboard/dashboard.ts'
import { type Endpoint, endpoints } from './endpoints.ts'
import { isLocalHost } from './local-host.ts'
import { type AdminPlace, bindAdmin } from './place.ts'
import { type AdminReply, problem } from './reply.ts'
import type { AdminSource } from './source.ts'

export interface Admin {
  /** `http://127.0.0.1:9901` or `unix:/run/gatehouse.sock`. */
  readonly url: string
  /** Ends idle connections at once and others after a second. */
  close(): Promise<void>
}

export interface AdminSettings extends AdminPlace {
  readonly source: AdminSource
  /** The page for people, behind a password. */
  readonly dashboard?: Dashboard
}

/**
 * Opens the admin listener. It asks nobody for a password, so it exists on loopback or a unix socket only, and
 * answers only those who call it by a local name. It only tells; what can be changed, the leases of services, takes a
 * token, and whoever wants to follow people live takes a password.
 */
export async function openAdmin({ source, dashboard, ...place }: AdminSettings): Promise<Admin> {
  const server = http.createServer(
    { headersTimeout: 10_000, requestTimeout: 20_000, keepAliveTimeout: 75_000 },
    createHandler(source, dashboard),
  )
  const url = await bindAdmin(server, place)
  server.on('error', (error) => log.error('admin listener failed', { error }))
  return { url, close: () => close(server) }
}

// --- internal ---

const log = logger.child('admin')

/** Registration and followers have doors of their own, see `registration.ts` and `followers.ts`. */
function createHandler(source: AdminSource, dashboard: Dashboard | undefined): http.RequestListener {
  const app = createApp(source, dashboard)
  const { registration, followers } = source
  if (registration === undefined) return app
  return (request, response) => {
    if (!isCalledLocally(request)) return app(request, response)
    if (followers?.owns(request)) return followers.answer(request, response)
    if (!registration.owns(request.url)) return app(request, response)
    registration.answer(request, response).catch((error) => {
      if (!request.destroyed) log.error('a registration failed', { error })
      response.destroy()
    })
  }
}

function createApp(source: AdminSource, dashboard: Dashboard | undefined): express.Express {
  const app = express()
  app.disable('x-powered-by')
  app.disable('etag')
  app.set('strict routing', true)
  app.set('case sensitive routing', true)
  app.use(securityHeaders, localHostOnly)
  if (dashboard) serveDashboard(app, dashboard)
  app.use(readOnly)
  for (const endpoint of endpoints) app.get(endpoint.path, answering(endpoint, source))
  app.use((_, response) => send(response, problem(404, 'no_route', 'Nothing is served at this address.')))
  app.use(onError)
  return app
}

/** The page, and what it asks for. The page alone says nothing about the proxy, so it takes no password. */
function serveDashboard(app: express.Express, dashboard: Dashboard): void {
  // No form of another page can send this type, and no script of one may.
  const readBody = express.json({ type: 'application/json', limit: '16kb' })
  app.use('/dashboard', (request, response, next) => {
    if (!request.url.startsWith('/api/')) return next()
    readBody(request, response, (error?: unknown) => {
      if (error !== undefined)
        return send(response, problem(400, 'bad_request', 'The body could not be read as JSON.'))
      dashboard.answer(request, response, request.url, request.body).catch(next)
    })
  })
  app.get('/dashboard', (_, response) => response.redirect(308, '/dashboard/'))
  app.use('/dashboard', express.static(pageFolder, { redirect: false, dotfiles: 'ignore' }))
  app.get('/dashboard/', (_, response) => {
    const mend =
      'The page of the dashboard is not built. Run `make build`; `gatehouse top` and `tail` work without it.'
    send(response, { status: 503, type: 'text/plain; charset=utf-8', body: `${mend}\n` })
  })
}

/** What the build leaves there, seen from the sources and from what is built. */
const pageFolder = fileURLToPath(
  new URL(
    import.meta.url.endsWith('.ts') ? '../../dist/pages/dashboard' : '../../pages/dashboard',
    import.meta.url,
  ),
)

const securityHeaders: RequestHandler = helmet({
  contentSecurityPolicy: {
    useDefaults: false,
    directives: {
      defaultSrc: ["'self'"],
      baseUri: ["'none'"],
      formAction: ["'none'"],
      frameAncestors: ["'none'"],
    },
  },
  // It speaks plain HTTP to its own machine.
  strictTransportSecurity: false,
  referrerPolicy: { policy: 'no-referrer' },
})

const localHostOnly: RequestHandler = (request, response, next) => {
  if (isCalledLocally(request)) return next()
  send(response, problem(421, 'misdirected', 'Call the admin listener as localhost.'))
}

/** Of two Host fields Node shows the first; a client that sends two is no browser and no friend. */
function isCalledLocally(request: http.IncomingMessage): boolean {
  const hosts = request.headersDistinct.host ?? []
  return hosts.length === 1 && isLocalHost(hosts[0])
}

const readOnly: RequestHandler = (request, response, next) => {
  if (request.method === 'GET' || request.method === 'HEAD') return next()
  response.setHeader('allow', 'GET, HEAD')
  send(response, problem(405, 'method_not_allowed', 'This address does not accept that method.'))
}

function answering(endpoint: Endpoint, source: AdminSource): RequestHandler {
  return async (request, response) => {
    const mark = request.url.indexOf('?')
    const query = new URLSearchParams(mark === -1 ? '' : request.url.slice(mark))
    send(response, await endpoint.answer(source, query))
  }
}

/** The four parameters are what tells Express that it is for errors. What went wrong goes to the log alone. */
const onError: ErrorRequestHandler = (error, request, response, _next) => {
  // Express throws 400 at a path that cannot be decoded.
  if (error?.status === 400)
    return send(response, problem(400, 'bad_request', 'The request could not be understood.'))
  log.error('admin request failed', { path: request.path, error })
  if (response.headersSent) response.destroy()
  else send(response, problem(500, 'internal', 'Something went wrong here.'))
}

function send(response: Response, { status, type, body }: AdminReply): void {
  response.writeHead(status, {
    'content-type': type,
    'content-length': Buffer.byteLength(body),
    'cache-control': 'no-store',
  })
  response.end(body)
}

async function close(server: http.Server): Promise<void> {
  const closed = new Promise((resolve) => server.close(resolve))
  server.closeIdleConnections()
  const timer = setTimeout(() => server.closeAllConnections(), 1000)
  await closed
  clearTimeout(timer)
}
