import type { ChildProcess } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { runCli } from '../../harness/cli.ts'
import { eventually } from '../../harness/eventually.ts'
import { type Ask, type Reply, request } from '../../harness/request.ts'
import type { Teardown } from '../../harness/teardown.ts'
import { startServing } from '../../system/command.ts'
import { cloneShipped, projectFolder } from '../../system/shipped.ts'
import { startServiceProcess } from '../service-process.ts'

/** The Hikvision service as it runs: a process of its own behind the proxy with the shipped routes.yaml. */
export interface Scene {
  readonly folder: string
  /** Ports of the listeners. */
  readonly ports: { readonly http: number; readonly https: number; readonly devices: number }
  /** Where a device sends to that knows an address and a port. */
  readonly events: string
  service: Service
  /** Starts it again in the same folder, and waits until the proxy knows it. */
  startService(env?: NodeJS.ProcessEnv): Promise<void>
  /** By name over HTTPS, signed in unless `cookie` says otherwise. */
  ask(path: string, ask?: Ask & { cookie?: string }): Promise<Reply>
  /** The same with JSON there and back. Throws what the service said if it refused. */
  json<Answer = Record<string, never>>(method: string, path: string, body?: unknown): Promise<Answer>
  /** The cookie of somebody who has signed in. */
  signIn(password?: string): Promise<string>
}

export interface Service {
  readonly child: ChildProcess
  log(): string
  /** Ends it, and answers the exit code. */
  stop(signal?: NodeJS.Signals): Promise<number | null>
}

/** With the patience that a machine needs on which others work, too. */
export function soon<T>(attempt: () => T | Promise<T>) {
  return eventually(attempt, { timeout: 120_000, every: 50 })
}

export const password = 'a-password-for-tests'
export const host = 'hikvision.localhost'

export async function startScene(t: Teardown, env: NodeJS.ProcessEnv = {}): Promise<Scene> {
  const clone = await cloneShipped(t)
  const { folder } = clone
  const proxy = await startServing(t, await readFile(join(projectFolder, 'routes.yaml'), 'utf8'), clone)
  const port = (listener: string) => Number(new URL(proxy.url(listener)).port)
  const ports = { http: port('http'), https: port('https'), devices: port('devices') }
  const { stdout } = await runCli(['token', '--upstream', 'hikvision', '--ttl', '1h'], {
    cwd: folder,
    env: clone.env,
  })
  const settings = {
    ADMIN_PASSWORD: password,
    SECRET_KEY: 'for-tests-only-for-tests-only-for-tests-only',
    GATEHOUSE_ADMIN: `http://127.0.0.1:${clone.env.ADMIN_PORT}`,
    GATEHOUSE_TOKEN: stdout.trim(),
  }
  let cookie: string | undefined

  const scene = {
    folder,
    ports,
    events: `http://127.0.0.1:${ports.devices}/hikvision/events`,
    async startService(more = {}) {
      scene.service = startService(t, folder, { ...settings, ...env, ...more })
      await soon(async () => (await scene.ask('/health', { cookie: '' })).status === 200)
    },
    async ask(path, ask = {}) {
      const session = ask.cookie ?? (await (cookie === undefined ? scene.signIn() : cookie))
      return request(`https://localhost:${ports.https}${path}`, {
        timeout: 30_000,
        ...ask,
        headers: { host: `${host}:${ports.https}`, cookie: session, ...ask.headers },
      })
    },
    async json(method, path, body) {
      const headers = { 'content-type': 'application/json' }
      const reply = await scene.ask(path, {
        method,
        headers,
        body: body === undefined ? undefined : JSON.stringify(body),
      })
      if (reply.status >= 300)
        throw new Error(
          `${method} ${path}: ${reply.status} ${reply.text}\n${scene.service.log().slice(-1500)}`,
        )
      return reply.text === '' ? undefined : JSON.parse(reply.text)
    },
    async signIn(word = password) {
      const reply = await scene.ask('/admin/session', {
        method: 'POST',
        cookie: '',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ username: 'admin', password: word }),
      })
      if (reply.status !== 200) throw new Error(`Nobody can sign in: ${reply.status} ${reply.text}`)
      cookie = String(reply.headers['set-cookie']).split(';')[0] ?? ''
      return cookie
    },
  } as Scene
  await scene.startService()
  return scene
}

// --- Internal ---

function startService(t: Teardown, cwd: string, env: NodeJS.ProcessEnv): Service {
  const { child, stop, written } = startServiceProcess(t, 'hikvision', { cwd, env })
  return { child, stop, log: written }
}
