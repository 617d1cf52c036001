import { type Request, Router } from 'express'
import { z } from 'zod'
import { Problem } from '../shared/problem.ts'
import type { Session } from './accounts/sessions.ts'
import { newPassword, userName } from './accounts/users.ts'
import { show } from './desktop-routes.ts'
import type { Usage } from './docker/docker-host.ts'
import type { Parts } from './parts.ts'
import { bodyOf, sessionOf } from './read-request.ts'

const personBody = z.strictObject({
  name: userName,
  password: newPassword,
  role: z.enum(['user', 'admin']).default('user'),
})
const passwordBody = z.strictObject({ password: newPassword })

/** What an admin sees and does: all desktops, what they use, containers that nobody knows, people, and who did what. */
export function adminRoutes(parts: Parts): Router {
  const { desktops, hosts, users, sessions, audit, reconcile, instance } = parts
  const router = Router()

  router.get('/desktops', async (request, response) => {
    await adminOf(request)
    const [all, troubles] = await Promise.all([desktops.all(), hosts.troubles()])
    // One that hangs would hold up the page for a minute with each question.
    const away = new Set(troubles.map(({ host }) => host))
    const usage = await Promise.all(
      all.map(({ host, containerId }) => (away.has(host ?? '') ? undefined : usageOf(host, containerId))),
    )
    response.json({
      desktops: all.map((each, index) => ({
        ...show(parts, each),
        user: each.user,
        host: each.host,
        port: each.hostPort,
        container: each.containerName,
        activeAt: each.activeAt,
        usage: usage[index],
      })),
      troubles: troubles.map(({ host, where, trouble }) => ({
        host,
        where,
        reason: trouble.sentence,
      })),
    })
  })

  router.post('/desktops/:key/stop', async (request, response) => {
    const { user } = await adminOf(request)
    const desktop = await desktops.byKey(String(request.params.key))
    if (desktop === undefined) throw new Problem(404, 'There is no such desktop')
    if (desktop.wanted === 'running') {
      await desktops.stop(desktop.id, 'An operator stopped it. Your files are kept.')
      await audit.write(user.name, 'stopped for its user', desktop.key)
      reconcile.poke(desktop.id)
    }
    response.status(202).json({})
  })

  /** Containers that carry our label and belong to no desktop here: those of a service whose database is gone. */
  router.get('/orphans', async (request, response) => {
    await adminOf(request)
    response.json({ orphans: await findOrphans() })
  })

  router.delete('/orphans/:host/:id', async (request, response) => {
    const { user } = await adminOf(request)
    const { host, id } = request.params
    // Nothing but an orphan is removed by this way, however its id was come by.
    const orphan = (await findOrphans()).find((each) => each.host === host && each.id === id)
    if (orphan !== undefined) {
      await hosts.get(orphan.host)?.remove(orphan.id)
      await audit.write(user.name, 'orphan removed', orphan.key, `${orphan.name} on ${orphan.host}`)
    }
    response.status(204).end()
  })

  router.get('/audit', async (request, response) => {
    await adminOf(request)
    response.json({ entries: await audit.read(200) })
  })

  router.get('/users', async (request, response) => {
    await adminOf(request)
    response.json({
      users: (await users.list()).map(({ name, role, createdAt }) => ({ name, role, createdAt })),
    })
  })

  router.post('/users', async (request, response) => {
    const { user } = await adminOf(request)
    const { name, password, role } = bodyOf(request, personBody)
    await users.add(name, password, role)
    await audit.write(user.name, 'person added', name, role)
    response.status(201).json({ name, role })
  })

  router.put('/users/:name/password', async (request, response) => {
    const { user } = await adminOf(request)
    const changed = await users.setPassword(
      String(request.params.name),
      bodyOf(request, passwordBody).password,
    )
    await sessions.endAll(changed)
    await audit.write(user.name, 'password set', changed.name)
    response.status(204).end()
  })

  /** The person cannot sign in any more, and the desktops stop. Files stay until an operator removes the volumes. */
  router.delete('/users/:name', async (request, response) => {
    const { user } = await adminOf(request)
    const { name } = request.params
    if (name === user.name) throw new Problem(409, 'Nobody can remove themselves; ask another admin')
    const removed = await users.remove(String(name))
    await sessions.endAll(removed)
    for (const { id } of await desktops.ofUser(removed.id)) {
      await desktops.delete(id, true)
      reconcile.poke(id)
    }
    await audit.write(user.name, 'person removed', removed.name)
    response.status(204).end()
  })

  async function adminOf(request: Request): Promise<Session> {
    const session = await sessionOf(parts, request)
    if (session.user.role !== 'admin') throw new Problem(403, 'This is for admins')
    return session
  }

  /** Undefined where nothing runs or nobody answers: the list is shown all the same. */
  async function usageOf(host: string | null, container: string | null): Promise<Usage | undefined> {
    if (container === null) return undefined
    return hosts
      .get(host)
      ?.usage(container)
      .catch(() => undefined)
  }

  async function findOrphans() {
    const known = new Set((await desktops.all()).map(({ id }) => id))
    const lists = await Promise.all(
      hosts.all.map(async (host) =>
        (await host.list().catch(() => []))
          .filter((each) => each.instance !== instance || !known.has(each.desktop))
          .map(({ id, name, key, image, isRunning, createdAt }) => ({
            host: host.name,
            id,
            name,
            key,
            image,
            isRunning,
            createdAt,
          })),
      ),
    )
    return lists.flat()
  }

  return router
}
