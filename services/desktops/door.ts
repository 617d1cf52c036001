import { type RequestHandler, Router } from 'express'
import { Problem } from '../shared/problem.ts'
import type { Kind } from './catalogue.ts'
import { waitingHeader } from './leases.ts'
import type { Parts } from './parts.ts'
import { sessionOf } from './read-request.ts'

/** What a browser opens to see a desktop. */
export function pageOf(key: string, kind: Pick<Kind, 'page'> | undefined): string {
  return `/desktop/${key}/${(kind?.page ?? '').replaceAll('{path}', `desktop/${key}`)}`
}

/**
 * `/desktop/alice-vscode`, with or without a slash: the address that a person remembers. It leads to the page that the
 * desktop has, with what that page must be told (where its WebSocket is), or to ours while there is no desktop.
 */
export function doorRoutes(parts: Parts): Router {
  const router = Router()
  router.get('/:key', async (request, response) => {
    const { user } = await sessionOf(parts, request)
    const { key } = request.params
    const desktop = await parts.desktops.byKey(key)
    if (desktop === undefined || desktop.userId !== user.id)
      throw new Problem(404, 'You have no such desktop')
    const isOpen = desktop.wanted === 'running' && desktop.status === 'running'
    response.setHeader('Cache-Control', 'no-store')
    response.redirect(302, isOpen ? pageOf(key, parts.kinds.get(desktop.type)) : `/desktops/?open=${key}`)
  })
  return router
}

/**
 * Requests for the inside of a desktop that is not there come here, with the prefix taken off: its lease says so. A
 * page is sent to ours, which waits with its user; a program is told to come back.
 */
export const redirectWaiting: RequestHandler = (request, response, next) => {
  if (request.get(waitingHeader) === undefined) return next()
  response.setHeader('Cache-Control', 'no-store')
  const [, key] = /^\/desktop\/([A-Za-z0-9._~-]+)$/.exec(request.get('x-forwarded-prefix') ?? '') ?? []
  if (
    request.method !== 'GET' ||
    !request.accepts('html') ||
    request.get('upgrade') !== undefined ||
    key === undefined
  )
    return next(new Problem(503, 'This desktop is not running', { headers: { 'Retry-After': '2' } }))
  // From the page's own place: the proxy takes a path from the root for one of the desktop's.
  const depth = 1 + request.path.split('/').length - 1
  response.redirect(302, `${'../'.repeat(depth)}desktops/?open=${key}`)
}
