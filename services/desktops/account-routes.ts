import { Router } from 'express'
import { z } from 'zod'
import { Problem } from '../shared/problem.ts'
import { limitWrongSignIns } from '../shared/wrong-sign-ins.ts'
import type { Parts } from './parts.ts'
import { bodyOf, sessionOf } from './read-request.ts'

const credentials = z.strictObject({ username: z.string().max(64), password: z.string().max(256) })

/** Signing in, and out here or everywhere. */
export function accountRoutes(parts: Parts): Router {
  const { users, sessions, desktops, audit } = parts
  const router = Router()

  router.post('/session', limitWrongSignIns(), async (request, response) => {
    const { username, password } = bodyOf(request, credentials)
    const name = username.trim().toLowerCase()
    const user = await users.signIn(name, password)
    if (user === undefined) {
      // A name that nobody has may be a password that was typed into the wrong field.
      await audit.write('nobody', 'sign-in refused', undefined, `from ${request.ip ?? 'nowhere'}`)
      throw new Problem(401, 'That name and password do not fit')
    }
    const session = await sessions.begin(user, request)
    await audit.write(user.name, 'signed in', undefined, `from ${request.ip ?? 'nowhere'}`)
    await sessions.hand(response, session, await keysOf(parts, user.id))
    response.json({ name: user.name, role: user.role })
  })

  router.get('/session', async (request, response) => {
    const { user } = await sessionOf(parts, request)
    await sessions.renew(request, response, await keysOf(parts, user.id))
    response.json({ name: user.name, role: user.role })
  })

  router.delete('/session', async (request, response) => {
    const found = await sessions.read(request)
    if (found !== undefined) {
      await sessions.end(found.session)
      await audit.write(found.session.user.name, 'signed out')
    }
    sessions.clear(response)
    response.status(204).end()
  })

  router.delete('/sessions', async (request, response) => {
    const { user } = await sessionOf(parts, request)
    const ended = await sessions.endAll(user)
    // A window that is open stays open until its desktop goes: the proxy asks for a token once for each WebSocket.
    if (request.query.desktops === 'stop')
      for (const { id, wanted } of await desktops.ofUser(user.id))
        if (wanted === 'running') {
          await desktops.stop(id)
          parts.reconcile.poke(id)
        }
    await audit.write(user.name, 'signed out everywhere', undefined, `${ended} sessions`)
    sessions.clear(response)
    response.json({ ended })
  })

  return router
}

/** The desktops that a person's cookie opens: their own. */
export async function keysOf({ desktops }: Pick<Parts, 'desktops'>, userId: string): Promise<string[]> {
  return (await desktops.ofUser(userId)).map(({ key }) => key)
}
