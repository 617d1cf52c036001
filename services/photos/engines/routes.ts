import { Router } from 'express'
import { z } from 'zod'
import { refusal } from '../refusal.ts'
import { guard } from '../sign-in/guard.ts'
import type { Sessions } from '../sign-in/sessions.ts'
import type { Engines } from './index.ts'
import { type Model, parametersOf } from './models.ts'

/** `/api/v1/models…` */
export function modelRoutes({
  sessions,
  models,
  engines,
}: {
  sessions: Sessions
  models: readonly Model[]
  engines: Engines
}): Router {
  const routes = Router()
  routes.use(guard(sessions))
  routes.get('/', (_request, response) => {
    response.json({ models: models.map(describe), total: models.length })
  })
  routes.get('/:id', (request, response) => {
    const model = models.find(({ id }) => id === request.params.id)
    if (model === undefined) throw refusal(404, 'There is no such model.')
    response.json(describe(model))
  })
  return routes

  function describe(model: Model) {
    const { providerModel: _, ...shown } = model
    const whyNot = engines.whyNot(model)
    return {
      ...shown,
      schema: z.toJSONSchema(parametersOf(model)),
      available: whyNot === undefined,
      ...(whyNot !== undefined && { unavailable_because: whyNot }),
    }
  }
}
