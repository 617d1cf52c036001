import type { IncomingMessage, RequestListener } from 'node:http'
import express, { type Express, type Router } from 'express'
import type { Database } from '../shared/database.ts'
import { watchRequest } from '../shared/http-metrics.ts'
import type { Logger } from '../shared/logger.ts'
import { serving } from '../shared/served-request.ts'
import type { SessionCookie } from '../shared/session-cookie.ts'
import { answerErrors, createApp } from '../shared/web-app.ts'
import { signedIn } from './api/session.ts'
import type { receiver } from './intake/receive.ts'
import type { Spool } from './intake/spool.ts'

export interface AppParts {
  readonly receive: ReturnType<typeof receiver>
  readonly spool: Spool
  readonly database: Database
  readonly cookie: SessionCookie
  /** Signs in and out; for everybody. */
  readonly session: Router
  /** For those who have signed in. */
  readonly routes: readonly Router[]
  /** Folder of the built page. */
  readonly page: string
  /** Folder of the pictures. */
  readonly faces: string
  readonly log: Logger
}

/**
 * All that this service answers: whatever is POSTed outside `/admin` is an event, however odd its path, and never
 * reaches Express; the rest is the page and what the page asks for.
 */
export function createListener(parts: AppParts): RequestListener {
  const app = createPageApp(parts)
  const { receive } = parts
  return (request, response) => {
    if (request.method === 'POST' && !isAdmin(request)) {
      watchRequest(request, response).route = '/*'
      void serving(request, response, () => receive(request, response))
    } else app(request, response)
  }
}

// --- internal ---

function isAdmin({ url = '' }: IncomingMessage): boolean {
  return /^\/admin(?:[/?]|$)/.test(url)
}

function createPageApp({ spool, database, cookie, session, routes, page, faces, log }: AppParts): Express {
  const app = createApp(log)
  app.get('/health', async (_request, response) => {
    const answers = await database.pool.query('select 1').then(
      () => true,
      () => false,
    )
    // Without its database it still takes in events, so it is healthy, and says what waits.
    response.set('Cache-Control', 'no-store').json({
      status: answers ? 'ok' : 'degraded',
      service: 'hikvision',
      database: { kind: database.kind, answers },
      waiting: { events: spool.usage.events, bytes: spool.usage.bytes },
    })
  })
  app.use(session)
  app.use('/admin', signedIn(cookie))
  app.use('/faces', signedIn(cookie), (_request, response, next) => {
    // Its name changes with its content.
    response.set('Cache-Control', 'private, max-age=86400, immutable')
    next()
  })
  app.use(
    '/faces',
    express.static(faces, { index: false, redirect: false, cacheControl: false, fallthrough: true }),
  )
  for (const router of routes) app.use(router)
  // Vite puts a digest into the name of every file but the page's own.
  app.use('/assets', express.static(`${page}/assets`, { immutable: true, maxAge: '365d', index: false }))
  app.use(express.static(page, { maxAge: 0 }))
  answerErrors(app, log)
  return app
}
