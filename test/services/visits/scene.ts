import type { ChildProcess } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { request as httpRequest } from 'node:http'
import { join } from 'node:path'
import { runCli } from '../../harness/cli.ts'
import { eventually } from '../../harness/eventually.ts'
import { connectHttp2, type Http2Reply } from '../../harness/http2.ts'
import { type Ask, type Reply, request } from '../../harness/request.ts'
import type { Teardown } from '../../harness/teardown.ts'
import { startServing } from '../../system/command.ts'
import { type Clone, cloneShipped } from '../../system/shipped.ts'
import { type ServiceOptions, startServiceProcess } from '../service-process.ts'

/** The visits service as it runs: a process of its own on a unix socket, behind the proxy with the shipped routes.yaml. */
export interface Scene {
  readonly folder: string
  /** `https://localhost:1234`. */
  readonly url: string
  readonly port: number
  /** The random key that service and proxy share. */
  readonly secret: string
  readonly password: string
  service: Service
  /** Those of the service that were asked for beside the usual ones. */
  settings: NodeJS.ProcessEnv
  /** Starts it, in place of the one that runs, and waits until the proxy knows it. */
  startService(env?: NodeJS.ProcessEnv): Promise<void>
  ask(path: string, ask?: Ask): Promise<Reply>
  /** The same over HTTP/2. Its connection is kept. */
  askHttp2(path: string, ask?: Ask): Promise<Http2Reply>
  login(body: object, ask?: Ask): Promise<Reply>
  token(): Promise<string>
  count(token: string): Promise<Reply>
  /** Past the proxy, over its socket. */
  askService(path: string, headers?: Record<string, string>): Promise<number>
}

export interface Service {
  readonly child: ChildProcess
  /** What it has written to its log. */
  log(): Record<string, unknown>[]
  /** Ends it, and answers the exit code. */
  stop(signal?: NodeJS.Signals): Promise<number | null>
}

export async function startScene(t: Teardown, env: NodeJS.ProcessEnv = {}): Promise<Scene> {
  const clone = await cloneShipped(t)
  const { folder } = clone
  const yaml = await readFile(join(folder, 'routes.yaml'), 'utf8')
  // A machine that runs many tests at once would be taken for one that cannot keep up.
  const proxy = await startServing(t, `${yaml}\nlimits: { delay: 0s }\n`, clone)
  const url = proxy.url('https')
  const port = Number(new URL(url).port)
  const settings = await settingsOf(clone)
  const socket = join(folder, settings.SOCKET)
  let http2: ReturnType<typeof connectHttp2> | undefined

  const scene = {
    folder,
    url,
    port,
    secret: await readFile(join(folder, 'certs/visits.key'), 'utf8'),
    password: settings.FIRST_PASSWORD,
    async startService(more = {}) {
      await scene.service?.stop()
      scene.settings = more
      scene.service = startVisits(t, { cwd: folder, env: { ...settings, ...env, ...more } })
      await eventually(async () => (await scene.ask('/flask/api/ping')).status === 200, { timeout: 30_000 })
    },
    ask: (path, ask) => request(url + path, { timeout: 30_000, ...ask }),
    async askHttp2(path, ask) {
      http2 ??= connectHttp2(t, port)
      return (await http2).request(path, ask)
    },
    login: (body, ask) =>
      scene.ask('/flask/auth/login', {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(body),
        ...ask,
      }),
    async token() {
      const { status, text } = await scene.login({ username: 'admin', password: scene.password })
      if (status !== 200) throw new Error(`Nobody can sign in: ${status} ${text}`)
      return JSON.parse(text).token
    },
    count: (token) => scene.ask('/flask/api/count', { headers: { authorization: `Bearer ${token}` } }),
    askService: (path, headers) =>
      new Promise((resolve, reject) => {
        httpRequest({ socketPath: socket, path, headers }, (response) => {
          response.resume()
          resolve(response.statusCode ?? 0)
        })
          .on('error', reject)
          .end()
      }),
  } as Scene
  await scene.startService()
  return scene
}

/** Starts the service until the test ends. */
export function startVisits(t: Teardown, options: ServiceOptions): Service {
  const { child, stop, written } = startServiceProcess(t, 'visits', options)
  return {
    child,
    stop,
    log: () =>
      written()
        .split('\n')
        .slice(0, -1)
        .map((line) => JSON.parse(line)),
  }
}

/** What `make run` would give it. */
async function settingsOf({ folder, env }: Clone) {
  const { stdout } = await runCli(['token', '--upstream', 'visits', '--ttl', '1h'], { cwd: folder, env })
  return {
    SOCKET: 'data/sockets/visits.sock',
    SECRET_KEY_FILE: 'certs/visits.key',
    FIRST_PASSWORD: 'password',
    GATEHOUSE_ADMIN: `http://127.0.0.1:${env.ADMIN_PORT}`,
    GATEHOUSE_TOKEN: stdout.trim(),
  }
}
