import { json, Router } from 'express'
import { z } from 'zod'
import { Problem } from '../../shared/problem.ts'
import type { Agents } from '../agent/agents.ts'
import type { Switchboard } from '../agent/switchboard.ts'
import { type Devices, deviceInput } from '../devices/devices.ts'
import type { Ways } from '../devices/ways.ts'
import { BadCredentials } from '../isapi/answer.ts'
import { DeviceAway } from '../isapi/carrier.ts'
import { readDeviceInfo } from '../isapi/device-info.ts'
import type { Jobs } from '../people/jobs.ts'
import type { RunningJobs } from '../people/run-jobs.ts'
import { validate } from './validate.ts'

export interface DeviceRoutesSettings {
  readonly devices: Devices
  readonly ways: Ways
  readonly agents: Agents
  readonly switchboard: Switchboard
  readonly jobs: Jobs
  readonly running: RunningJobs
}

const number = z.coerce.number().int().min(1)
const agentInput = z.object({ name: z.string().trim().min(1, 'is empty').max(80) })

/** Devices, and the agents through which some of them are reached: `/admin/devices`, `/admin/agents`. */
export function deviceRoutes(settings: DeviceRoutesSettings): Router {
  const { devices, ways, agents, switchboard, jobs, running } = settings
  const router = Router()
  const body = json({ limit: '16kb' })

  /** Whatever waited for the old address or password need not wait any longer. */
  async function reachChanged(id: number): Promise<void> {
    ways.forget(id)
    await jobs.postpone(id, 0)
    running.look()
  }

  router.get('/admin/devices', async (_request, response) => {
    response.json({ devices: await devices.list() })
  })
  router.post('/admin/devices', body, async (request, response) => {
    const id = await devices.add(validate(deviceInput, request.body))
    response.status(201).json({ id })
  })
  router.put('/admin/devices/:id', body, async (request, response) => {
    const id = validate(number, request.params.id)
    await devices.change(id, validate(deviceInput, request.body))
    await reachChanged(id)
    response.json({ id })
  })
  router.delete('/admin/devices/:id', async (request, response) => {
    const id = validate(number, request.params.id)
    await devices.remove(id)
    ways.forget(id)
    response.status(204).end()
  })

  // Asks the device who it is, and says in a sentence what came of it.
  router.post('/admin/devices/:id/check', async (request, response) => {
    const id = validate(number, request.params.id)
    ways.forget(id)
    const isapi = await ways.to(id)
    if (isapi === undefined) throw new Problem(409, 'Give this device an address first')
    try {
      const info = await readDeviceInfo(isapi)
      await devices.noteInfo(id, info)
      await devices.noteState(id, 'ok')
      await jobs.postpone(id, 0)
      running.look()
      response.json({ state: 'ok', info })
    } catch (error) {
      const { message } = error as Error
      if (error instanceof BadCredentials) await devices.noteState(id, 'refused', message)
      else if (error instanceof DeviceAway) await devices.noteState(id, 'away', message)
      else if ((error as Error).name !== 'DeviceRefusal') throw error
      throw new Problem(502, `The device cannot be used: ${message}`, { state: (error as Error).name })
    }
  })

  router.get('/admin/agents', async (_request, response) => {
    const list = await agents.list()
    response.json({
      agents: list.map((agent) => ({ ...agent, isConnected: switchboard.isConnected(agent.id) })),
    })
  })
  router.post('/admin/agents', body, async (request, response) => {
    response.status(201).json(await agents.add(validate(agentInput, request.body).name))
  })
  router.delete('/admin/agents/:id', async (request, response) => {
    const id = validate(number, request.params.id)
    const orphans = await devices.behind(id)
    await agents.remove(id)
    switchboard.disconnect(id)
    for (const device of orphans) ways.forget(device)
    response.status(204).end()
  })
  return router
}
