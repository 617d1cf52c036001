import express, { type Express } from 'express'
import { Problem } from '../shared/problem.ts'
import { answerErrors, createApp } from '../shared/web-app.ts'
import { operations } from './contract.ts'
import type { Counter } from './counter.ts'
import { type LoginNeeds, login } from './login.ts'
import { counts } from './metrics.ts'
import { swagger } from './swagger.ts'

export interface AppNeeds extends LoginNeeds {
  readonly counter: Counter
}

/** The service as a handler of requests. Its paths begin with /flask, which the proxy keeps. */
export function createVisits({ counter, ...needs }: AppNeeds): Express {
  const { tokens, log } = needs
  const app = createApp(log)

  app.get(operations.ping.path, (_request, response) => {
    response.set('Cache-Control', 'no-store').json({ status: 'ok' })
  })

  app.post(operations.login.path, express.json({ limit: '16kb' }), ...login(needs))

  // Express would take HEAD for GET, and count what nobody sees.
  app.head(operations.count.path, refuseMethod('GET'))
  app.get(operations.count.path, async (request, response) => {
    await tokens.userOf(request.get('authorization'))
    const visits = await counter.add(response.locals.requestId).catch((error) => {
      counts.add({ result: 'failed' })
      throw error
    })
    counts.add({ result: 'kept' })
    response.set('Cache-Control', 'no-store').json({ visits })
  })

  app.use('/flask/swagger', swagger())
  app.get('/flask', (_request, response) => response.redirect('/flask/swagger/'))

  for (const { path, method } of Object.values(operations))
    app.all(
      path,
      refuseMethod(method === 'get' && path !== operations.count.path ? 'GET, HEAD' : method.toUpperCase()),
    )
  answerErrors(app, log)
  return app
}

// --- internal ---

function refuseMethod(allowed: string) {
  return () => {
    throw new Problem(405, `This takes ${allowed}`, { headers: { Allow: allowed } })
  }
}
