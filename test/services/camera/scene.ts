import { join } from 'node:path'
import type { Browser } from 'playwright-core'
import { runCli, startCli } from '../../harness/cli.ts'
import { eventually } from '../../harness/eventually.ts'
import { request } from '../../harness/request.ts'
import type { Teardown } from '../../harness/teardown.ts'
import { openBrowser } from '../../system/browser.ts'
import { cloneShipped } from '../../system/shipped.ts'
import { type CameraService, startCamera } from './service.ts'

/** The camera service behind the shipped routes.yaml, as `make run` has it. */
export interface Scene {
  readonly service: CameraService
  /** `https://camera.localhost:1234` */
  readonly https: string
  /** The plain listener of devices: `http://localhost:1235` */
  readonly plain: string
  /** For clients that connect by address: what they connect to, and the Host that they say. */
  readonly door: { https: string; plain: string; host: string }
  readonly ports: { https: number; plain: number; http: number }
  /** Resolves when the proxy relays to the service as it runs now. */
  isThere(): Promise<void>
}

export async function startScene(t: Teardown, env: NodeJS.ProcessEnv = {}): Promise<Scene> {
  const clone = await cloneShipped(t)
  const file = join(clone.folder, 'routes.yaml')
  const proxy = startCli(t, ['serve', '--json', '--file', file], { cwd: clone.folder, env: clone.env })
  await proxy.said(/^\{.*"routes".*\}$/m, 40_000)
  const made = await runCli(['token', '--upstream', 'camera', '--json', '--file', file], { env: clone.env })
  const { token } = JSON.parse(made.stdout) as { token: string }
  const service = await startCamera(t, {
    env: {
      GATEHOUSE_ADMIN: `http://127.0.0.1:${clone.env.ADMIN_PORT}`,
      GATEHOUSE_TOKEN: token,
      ...env,
    },
  })
  const ports = {
    https: Number(clone.env.HTTPS_PORT),
    plain: Number(clone.env.DEVICES_PORT),
    http: Number(clone.env.HTTP_PORT),
  }
  const host = `camera.localhost:${ports.https}`
  const scene: Scene = {
    service,
    https: `https://${host}`,
    plain: `http://localhost:${ports.plain}`,
    door: { https: `https://127.0.0.1:${ports.https}`, plain: `http://127.0.0.1:${ports.plain}`, host },
    ports,
    async isThere() {
      await eventually(
        async () => {
          const reply = await request(`${scene.door.https}/health`, { headers: { host } })
          return reply.status === 200
        },
        { timeout: 30_000, every: 50 },
      )
    },
  }
  await scene.isThere()
  return scene
}

export interface CameraBrowser {
  /** `allowed` shows a moving pattern, `refused` is asked for and not given, `none` is a machine without one. */
  camera?: 'allowed' | 'refused' | 'none'
  /** A name that is this machine, beside localhost. */
  names?: string
}

export async function openCameraBrowser(
  t: Teardown,
  { camera = 'allowed', names }: CameraBrowser = {},
): Promise<Browser | undefined> {
  return openBrowser(t, [
    ...(camera === 'none' ? [] : ['--use-fake-device-for-media-stream']),
    ...(camera === 'allowed' ? ['--use-fake-ui-for-media-stream'] : []),
    ...(names === undefined ? [] : [`--host-resolver-rules=MAP ${names} 127.0.0.1`]),
  ])
}
