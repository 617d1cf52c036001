import { type Request, type Response, Router } from 'express'
import { z } from 'zod'
import { Problem } from '../shared/problem.ts'
import { keysOf } from './account-routes.ts'
import type { Session } from './accounts/sessions.ts'
import type { Desktop } from './desktops.ts'
import { pageOf } from './door.ts'
import type { Parts } from './parts.ts'
import { bodyOf, sessionOf } from './read-request.ts'

const startBody = z.strictObject({ type: z.string().max(64) })

/** What a person does with desktops of their own. */
export function desktopRoutes(parts: Parts): Router {
  const { desktops, kinds, hosts, reconcile, sessions, audit, limits } = parts
  const router = Router()

  router.get('/desktops', async (request, response) => {
    const { user } = await sessionOf(parts, request)
    const own = await desktops.ofUser(user.id)
    await sessions.renew(
      request,
      response,
      own.map(({ key }) => key),
    )
    const troubles = await hosts.troubles()
    response.json({
      types: [...kinds.values()].map(({ type, title, description }) => ({ type, title, description })),
      desktops: own.map((each) => show(parts, each)),
      limit: limits.perUser,
      docker:
        troubles.length < hosts.all.length
          ? { ok: true }
          : { ok: false, where: troubles.map(({ where }) => where), reason: troubles[0]?.trouble.sentence },
    })
  })

  router.post('/desktops', async (request, response) => {
    const session = await sessionOf(parts, request)
    const { type } = bodyOf(request, startBody)
    const kind = kinds.get(type)
    if (kind === undefined) throw new Problem(404, `There is no desktop of the kind ${type}`)
    const before = await desktops.byKey(`${session.user.name}-${type}`)
    const key = await desktops.start(session, kind)
    if (before?.wanted !== 'running') await audit.write(session.user.name, 'started', key)
    await answerWith(request, response, session, key)
  })

  router.post('/desktops/:key/stop', async (request, response) => {
    const { session, desktop } = await ownOf(request)
    if (desktop.wanted === 'running') {
      await desktops.stop(desktop.id)
      await audit.write(session.user.name, 'stopped', desktop.key)
    }
    await answerWith(request, response, session, desktop.key)
  })

  router.post('/desktops/:key/restart', async (request, response) => {
    const { session, desktop } = await ownOf(request)
    const kind = kinds.get(desktop.type)
    if (desktop.wanted === 'running') await desktops.restart(desktop.id)
    else if (kind !== undefined) await desktops.start(session, kind)
    await audit.write(session.user.name, 'restarted', desktop.key)
    await answerWith(request, response, session, desktop.key)
  })

  /** What is not there is as good as deleted. */
  router.delete('/desktops/:key', async (request, response) => {
    const session = await sessionOf(parts, request)
    const desktop = await desktops.byKey(String(request.params.key))
    if (desktop !== undefined && desktop.userId === session.user.id) {
      const keepFiles = request.query.files !== 'delete'
      await desktops.delete(desktop.id, keepFiles)
      await audit.write(session.user.name, keepFiles ? 'deleted' : 'deleted with its files', desktop.key)
      reconcile.poke(desktop.id)
    }
    response.status(204).end()
  })

  async function answerWith(
    request: Request,
    response: Response,
    session: Session,
    key: string,
  ): Promise<void> {
    const desktop = await desktops.byKey(key)
    if (desktop === undefined) throw new Problem(404, 'There is no such desktop any more')
    reconcile.poke(desktop.id)
    await sessions.renew(request, response, await keysOf(parts, session.user.id))
    response.status(202).json(show(parts, desktop))
  }

  /** Somebody else's is as good as none: whether it exists is nobody's business. */
  async function ownOf(request: Request): Promise<{ session: Session; desktop: Desktop }> {
    const session = await sessionOf(parts, request)
    const desktop = await desktops.byKey(String(request.params.key))
    if (desktop === undefined || desktop.userId !== session.user.id || desktop.wanted === 'deleted')
      throw new Problem(404, 'You have no such desktop')
    return { session, desktop }
  }

  return router
}

/** A desktop as its user sees it. */
export function show({ kinds, idle }: Pick<Parts, 'kinds' | 'idle'>, desktop: Desktop) {
  const { key, type, wanted, status, step, reason, startedAt } = desktop
  const kind = kinds.get(type)
  return {
    key,
    type,
    title: kind?.title ?? type,
    status: wanted === 'deleted' ? 'deleting' : status,
    step,
    reason,
    startedAt,
    stopsAt: idle.stopsAt(desktop),
    address: `/desktop/${key}/`,
    open: status === 'running' ? pageOf(key, kind) : undefined,
  }
}
