import express, { type Express, type Request, type RequestHandler, type Response } from 'express'
import { answerErrors, createApp } from '../shared/web-app.ts'
import { accountRoutes } from './account-routes.ts'
import { refuseForeign } from './accounts/same-origin.ts'
import { adminRoutes } from './admin-routes.ts'
import { desktopRoutes } from './desktop-routes.ts'
import { doorRoutes, redirectWaiting } from './door.ts'
import type { Parts } from './parts.ts'

/** Everything that the service answers: its page, its API, and the doors of desktops that are not open. */
export function createDesktopsApp(parts: Parts, pageFolder: string): Express {
  const app = createApp(parts.log)
  app.use(redirectWaiting)
  app.get('/health', async (_request, response) => {
    await parts.checkHealth()
    response.json({ status: 'ok' })
  })
  app.use('/desktop', doorRoutes(parts))
  app.use('/desktops/api', noStore, refuseForeign, express.json({ limit: '16kb' }))
  app.use('/desktops/api', accountRoutes(parts), desktopRoutes(parts))
  app.use('/desktops/api/admin', adminRoutes(parts))
  // Its files are named from where the page is.
  app.get('/desktops', (request, response, next) => {
    if (request.path.endsWith('/')) return next()
    response.redirect(308, `/desktops/${queryOf(request)}`)
  })
  app.use('/desktops', express.static(pageFolder, { redirect: false, setHeaders: keepAssets }))
  answerErrors(app, parts.log)
  return app
}

// --- internal ---

const noStore: RequestHandler = (_request, response, next) => {
  response.setHeader('Cache-Control', 'no-store')
  next()
}

/** Vite puts a digest of the content into the names of all but the page itself. */
function keepAssets(response: Response, path: string): void {
  const isNamed = /\/assets\//.test(path)
  response.setHeader('Cache-Control', isNamed ? 'public, max-age=31536000, immutable' : 'no-cache')
}

function queryOf({ originalUrl }: Request): string {
  const at = originalUrl.indexOf('?')
  return at === -1 ? '' : originalUrl.slice(at)
}
