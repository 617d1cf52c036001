import { json, Router, raw } from 'express'
import { z } from 'zod'
import { Problem } from '../../shared/problem.ts'
import { forgetFace, keepFace } from '../people/face-picture.ts'
import type { Jobs } from '../people/jobs.ts'
import { type People, personInput, personNumber } from '../people/people.ts'
import type { RunningJobs } from '../people/run-jobs.ts'
import { validate } from './validate.ts'

export interface PeopleRoutesSettings {
  readonly people: People
  readonly jobs: Jobs
  readonly running: RunningJobs
  /** Folder of the pictures. */
  readonly faces: string
}

const id = z.coerce.number().int().min(1)
const jobFilter = z.object({
  device: id.optional(),
  person: z.string().max(64).optional(),
  state: z.enum(['waiting', 'running', 'done', 'failed', 'cancelled', 'replaced']).optional(),
})

/** People and what follows for devices: `/admin/people`, `/admin/jobs`. */
export function peopleRoutes({ people, jobs, running, faces }: PeopleRoutesSettings): Router {
  const router = Router()

  async function tell(devices: readonly number[], number: string, kind: 'put' | 'remove', name: string) {
    if (devices.length > 0) await jobs.add(devices, { number, name }, kind)
    running.look()
  }

  async function nameOf(number: string): Promise<string> {
    const person = await people.find(number)
    if (person === undefined) throw new Problem(404, 'There is no such person')
    return person.name
  }

  router.get('/admin/people', async (_request, response) => {
    response.json({ people: await people.list() })
  })
  router.put('/admin/people/:number', json({ limit: '64kb' }), async (request, response) => {
    const number = validate(personNumber, request.params.number)
    const input = validate(personInput, request.body)
    const { on, off, isNew } = await people.put(number, input)
    await tell(on, number, 'put', input.name)
    await tell(off, number, 'remove', input.name)
    response.status(isNew ? 201 : 200).json({ number, jobs: on.length + off.length })
  })
  router.delete('/admin/people/:number', async (request, response) => {
    const number = validate(personNumber, request.params.number)
    const { name, devices, oldFace } = await people.remove(number)
    await tell(devices, number, 'remove', name)
    await forgetFace(faces, oldFace)
    response.json({ number, jobs: devices.length })
  })
  router.put(
    '/admin/people/:number/face',
    raw({ type: () => true, limit: '15mb' }),
    async (request, response) => {
      const number = validate(personNumber, request.params.number)
      const name = await nameOf(number)
      if (!Buffer.isBuffer(request.body))
        throw new Problem(400, 'Send the picture as the body of the request')
      const { devices, oldFace } = await people.setFace(number, await keepFace(faces, number, request.body))
      await tell(devices, number, 'put', name)
      await forgetFace(faces, oldFace)
      response.json({ number, jobs: devices.length })
    },
  )
  router.delete('/admin/people/:number/face', async (request, response) => {
    const number = validate(personNumber, request.params.number)
    const name = await nameOf(number)
    const { devices, oldFace } = await people.setFace(number, undefined)
    await tell(devices, number, 'put', name)
    await forgetFace(faces, oldFace)
    response.json({ number, jobs: devices.length })
  })

  router.get('/admin/jobs', async (request, response) => {
    response.json({ jobs: await jobs.list(validate(jobFilter, request.query)) })
  })
  router.post('/admin/jobs/:id/retry', async (request, response) => {
    await jobs.retry(validate(id, request.params.id))
    running.look()
    response.status(204).end()
  })
  router.delete('/admin/jobs/:id', async (request, response) => {
    await jobs.cancel(validate(id, request.params.id))
    response.status(204).end()
  })
  return router
}
