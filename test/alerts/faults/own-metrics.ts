import { createServer, type RequestListener } from 'node:http'
import { join } from 'node:path'
import type { ServiceName } from '../../../services/roster.ts'
import { startRedis } from '../../harness/redis.ts'
import { request } from '../../harness/request.ts'
import { onEnd, type Teardown } from '../../harness/teardown.ts'
import { tempFolder } from '../../harness/temp-folder.ts'
import { startUpstream } from '../../harness/upstream.ts'
import { startTriton } from '../../services/camera/triton-double.ts'
import { type Fleet, metricsOf, startFleet } from '../../services/fleet.ts'
import { useFleet } from '../../services/fleet-traffic.ts'
import type { Stage, StageOptions } from '../stage.ts'
import type { Fault } from './fault.ts'

/** What a service tells of itself, and the proxy cannot see. Each stands beside the stage, without a route to it. */

export const serviceSilent: Fault = {
  name: 'a service hangs',
  alert: 'GatehouseServiceSilent',
  needs: ['postgresql'],
  stage: (t) => beside(t, ['visits']),
  async begin({ with: { fleet } }) {
    const { process } = (fleet as Fleet).of('visits')
    process.child.kill('SIGSTOP')
    return () => void process.child.kill('SIGCONT')
  },
  isWell: says('visits', /^visits_store_up 1$/m),
}

export const storeAway: Fault = {
  name: 'Redis killed under the visits',
  alert: 'GatehouseStoreAway',
  needs: ['postgresql', 'redis'],
  async stage(t) {
    const redis = await startRedis(t)
    const options = await beside(t, ['visits'], { REDIS_URL: `redis://${redis.address}` })
    return { ...options, with: { ...options.with, redis } }
  },
  async begin({ with: { redis } }) {
    await redis?.signal('SIGKILL')
    return async () => redis?.start()
  },
  isWell: says('visits', /^visits_store_up 1$/m),
}

/** A model that never answers takes the one worker that there is, and all others wait. */
export const photosWait: Fault = {
  name: 'a model of Hugging Face hangs',
  alert: 'GatehousePhotosWait',
  needs: ['postgresql'],
  async stage(t) {
    const hub = await startUpstream(t, () => {})
    const options = await beside(t, ['photos'], {
      HF_API_URL: hub.url,
      HF_API_KEY: 'key',
      HF_API_TIMEOUT: '55',
    })
    return { ...options, with: { ...options.with, hub } }
  },
  async begin({ with: { fleet, hub } }) {
    await useFleet(fleet as Fleet, { model: 'swin2sr-2x' })
    return () => hub?.close()
  },
  isWell: says('photos', /^photos_oldest_waiting_seconds 0$/m),
}

export const eventsWait: Fault = {
  name: 'Postgres away from the device events',
  alert: 'GatehouseEventsWait',
  needs: ['postgresql'],
  stage: (t) => beside(t, ['hikvision']),
  async begin({ with: { fleet } }) {
    const { postgres } = fleet as Fleet
    await postgres.stop()
    await useFleet(fleet as Fleet)
    return () => postgres.start()
  },
  isWell: says('hikvision', /^hikvision_spool_oldest_seconds 0$/m),
}

export const modelAway: Fault = {
  name: 'the model server is not ready',
  alert: 'GatehouseModelAway',
  needs: ['postgresql'],
  async stage(t) {
    const triton = await startTriton(t)
    const options = await beside(t, ['camera'], { TRITON_URL: triton.url })
    return { ...options, with: { ...options.with, triton } }
  },
  async begin({ with: { triton } }) {
    Object.assign(triton as object, { behaviour: { ready: 400 } })
    return () => void Object.assign(triton as object, { behaviour: {} })
  },
  isWell: says('camera', /^camera_engine_up 1$/m),
}

/** An engine that lists no containers, until nobody listens on its socket. */
export const dockerAway: Fault = {
  name: 'the socket of Docker is gone',
  alert: 'GatehouseDockerAway',
  needs: ['postgresql'],
  async stage(t) {
    const socket = join(await tempFolder(t), 'docker.sock')
    const close = await listenAt(t, socket)
    const options = await beside(t, ['desktops'], { DOCKER_SOCKET: socket, LOOK_SECONDS: '1' })
    return { ...options, with: { ...options.with, docker: { close, open: () => listenAt(t, socket) } } }
  },
  async begin({ with: { docker } }) {
    await docker?.close()
    return async () => void (await docker?.open())
  },
  isWell: says('desktops', /^desktops_docker_host_up\{.*\} 1$/m),
}

// --- internal ---

/** That the service says this of itself, after the mend. */
function says(name: ServiceName, line: RegExp) {
  return async ({ services }: Stage): Promise<boolean> =>
    line.test((await request(services[name] ?? '', { timeout: 5_000 })).text)
}

async function beside(
  t: Teardown,
  names: readonly ServiceName[],
  env: NodeJS.ProcessEnv = {},
): Promise<StageOptions> {
  const fleet = await startFleet(t, { names, env })
  return { services: metricsOf(fleet), with: { fleet } }
}

const noContainers: RequestListener = (request, response) => {
  // Its events never come, and never end.
  if (/\/events/.test(request.url ?? '')) return void response.flushHeaders()
  response.setHeader('content-type', 'application/json')
  response.end(/\/containers\/json/.test(request.url ?? '') ? '[]' : '{}')
}

async function listenAt(t: Teardown, path: string): Promise<() => Promise<void>> {
  const server = createServer(noContainers)
  await new Promise<void>((done) => server.listen({ path }, done))
  const close = () =>
    new Promise<void>((done) => {
      server.close(() => done())
      server.closeAllConnections()
    })
  onEnd(t, close)
  return close
}
