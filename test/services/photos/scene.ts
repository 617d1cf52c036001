import type { ChildProcess } from 'node:child_process'
import { cp, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { runCli } from '../../harness/cli.ts'
import { eventually } from '../../harness/eventually.ts'
import { connectHttp2, type Http2Ask, type Http2Reply } from '../../harness/http2.ts'
import { type Ask, type Reply, request } from '../../harness/request.ts'
import type { Teardown } from '../../harness/teardown.ts'
import { startServing } from '../../system/command.ts'
import { type Clone, cloneShipped, projectFolder } from '../../system/shipped.ts'
import { type ServiceOptions, startServiceProcess } from '../service-process.ts'

/** The photos service as it runs: a process of its own behind the proxy with the shipped routes.yaml. */
export interface Scene {
  readonly folder: string
  /** The folder of its pictures and of its embedded database. */
  readonly data: string
  /** `https://photos.localhost:1234`. */
  readonly origin: string
  readonly port: number
  readonly password: string
  service: Service
  /** Starts it again, in the same folder, and waits until the proxy knows it. */
  startService(env?: NodeJS.ProcessEnv): Promise<void>
  ask(path: string, ask?: Ask): Promise<Reply>
  /** Over HTTP/2, on one connection. */
  askHttp2(path: string, ask?: Http2Ask): Promise<Http2Reply>
  /** Signs in, and answers the fields that say so. */
  signIn(username?: string, password?: string): Promise<{ authorization: string }>
  /** Sends a picture; `prefer: respond-async` unless told otherwise. */
  upload(who: { authorization: string }, picture: Buffer, more?: UploadOptions): Promise<Reply>
  /** Waits until a restoration has ended, and answers it. */
  ended(who: { authorization: string }, id: string): Promise<Record<string, unknown>>
}

export interface UploadOptions {
  readonly filename?: string
  readonly model?: string
  readonly parameters?: object
  readonly headers?: Record<string, string>
  /** Waits for the picture. */
  readonly sync?: boolean
}

export interface Service {
  readonly child: ChildProcess
  readonly log: string
  /** Ends it, and answers the exit code. */
  stop(signal?: NodeJS.Signals): Promise<number | null>
}

export const password = 'a pass phrase of 1958'

export async function startScene(t: Teardown, env: NodeJS.ProcessEnv = {}): Promise<Scene> {
  const clone = await cloneShipped(t)
  const { folder } = clone
  await cp(join(projectFolder, 'dist/pages/photos'), join(folder, 'dist/pages/photos'), {
    recursive: true,
  }).catch(() => {})
  // A test asks more often in a minute than a person does.
  const routes = (await readFile(join(folder, 'routes.yaml'), 'utf8')).replace(
    /limit: (30|100),/g,
    'limit: 100000,',
  )
  const proxy = await startServing(t, routes, clone)
  const port = Number(new URL(proxy.url('https')).port)
  const authority = `photos.localhost:${port}`
  const settings = await settingsOf(clone)
  let http2: ReturnType<typeof connectHttp2> | undefined

  const scene = {
    folder,
    data: join(folder, 'data/photos'),
    origin: `https://${authority}`,
    port,
    password,
    async startService(more = {}) {
      scene.service = startPhotos(t, { cwd: folder, env: { ...settings, ...env, ...more } })
      const isThere = async () => {
        if (scene.service.child.exitCode !== null) return true
        return (await scene.ask('/health')).status === 200
      }
      await eventually(isThere, { timeout: 50_000, every: 50 }).catch(() => {})
      if (scene.service.child.exitCode !== null || (await scene.ask('/health')).status !== 200)
        throw new Error(`It does not serve:\n${scene.service.log}`)
    },
    ask: (path, ask = {}) =>
      request(`https://127.0.0.1:${port}${path}`, {
        timeout: 60_000,
        ...ask,
        headers: { host: authority, ...ask.headers },
      }),
    async askHttp2(path, ask) {
      http2 ??= connectHttp2(t, port, { authority })
      return (await http2).request(path, ask)
    },
    async signIn(username = 'admin', secret = password) {
      const { status, text } = await scene.ask('/api/v1/auth/login', jsonOf({ username, password: secret }))
      if (status !== 200) throw new Error(`Nobody can sign in: ${status} ${text}`)
      return { authorization: `Bearer ${JSON.parse(text).access_token}` }
    },
    upload: (
      who,
      picture,
      { filename = 'old.jpg', model = 'repair', parameters, headers, sync = false } = {},
    ) => {
      const fields = { model_id: model, ...(parameters && { parameters: JSON.stringify(parameters) }) }
      const { body, type } = formOf(fields, { name: 'file', filename, content: picture })
      return scene.ask('/api/v1/restore', {
        method: 'POST',
        headers: { ...who, 'content-type': type, ...(!sync && { prefer: 'respond-async' }), ...headers },
        body,
      })
    },
    ended: (who, id) =>
      eventually(
        async () => {
          const row = JSON.parse((await scene.ask(`/api/v1/restore/${id}`, { headers: who })).text)
          return (row.status === 'done' || row.status === 'failed') && row
        },
        { timeout: 60_000, every: 100 },
      ),
  } as Scene
  await scene.startService()
  return scene
}

/** Starts the service until the test ends. */
export function startPhotos(t: Teardown, options: ServiceOptions): Service {
  const { child, stop, written } = startServiceProcess(t, 'photos', options)
  return {
    child,
    stop,
    get log() {
      return written()
    },
  }
}

export function jsonOf(body: object): Ask {
  return { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }
}

/** A form as a browser sends it. */
export function formOf(
  fields: Record<string, string>,
  file?: { name: string; filename: string; content: Buffer },
): { body: Buffer; type: string } {
  const boundary = 'a-boundary-that-no-picture-holds'
  const parts: Buffer[] = Object.entries(fields).map(([name, value]) =>
    Buffer.from(`--${boundary}\r\nContent-Disposition: form-data; name="${name}"\r\n\r\n${value}\r\n`),
  )
  if (file) {
    const head = `Content-Disposition: form-data; name="${file.name}"; filename="${file.filename}"`
    parts.push(
      Buffer.from(`--${boundary}\r\n${head}\r\nContent-Type: application/octet-stream\r\n\r\n`),
      file.content,
      Buffer.from('\r\n'),
    )
  }
  return {
    body: Buffer.concat([...parts, Buffer.from(`--${boundary}--\r\n`)]),
    type: `multipart/form-data; boundary=${boundary}`,
  }
}

/** What `make run` would give it. */
async function settingsOf({ folder, env }: Clone): Promise<NodeJS.ProcessEnv> {
  const { stdout } = await runCli(['token', '--upstream', 'photos', '--ttl', '1h'], { cwd: folder, env })
  return {
    SECRET_KEY_FILE: 'certs/photos.key',
    AUTH_PASSWORD: password,
    MIN_FREE_SPACE: '1000000',
    GATEHOUSE_ADMIN: `http://127.0.0.1:${env.ADMIN_PORT}`,
    GATEHOUSE_TOKEN: stdout.trim(),
  }
}
