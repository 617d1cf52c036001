import { randomBytes } from 'node:crypto'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { TargetReport } from '../../proxy/admin/upstream-report.ts'
import { type Announced, announce } from '../../services/shared/announce.ts'
import { type RunningCli, runCli, startCli } from '../harness/cli.ts'
import { freePort } from '../harness/free-port.ts'
import { request } from '../harness/request.ts'
import { onEnd, type Teardown } from '../harness/teardown.ts'
import { tempFolder } from '../harness/temp-folder.ts'

/** One of several proxies that share what is in Redis. */
export interface Member {
  readonly folder: string
  readonly file: string
  /** `http://localhost:1234` */
  readonly url: string
  readonly admin: string
  process: RunningCli
  start(): Promise<void>
  targets(): Promise<TargetReport[]>
  readiness(): Promise<{ ready: boolean; reasons: string[] }>
  metric(name: string): Promise<number | undefined>
}

export interface Fleet {
  readonly proxies: readonly Member[]
  readonly token: string
  makeToken(...upstreams: string[]): Promise<{ token: string; id: string }>
  announce(proxy: Member, upstream: string, url: string, more?: object): Announced
}

export interface FleetOptions {
  /** Of routes.yaml: `{ address: … }`. Undefined: they share nothing. */
  readonly redis: string | undefined
  readonly proxies?: number
  readonly workers?: number
  readonly upstreams?: string
  readonly routes?: string
  readonly listener?: string
  readonly env?: NodeJS.ProcessEnv
}

const defaultUpstreams = `
  photos: { leased: true }
  desktop: { leased: true, keyed: true }`
const defaultRoutes = `
  - { name: photos, match: { path: /photos }, to: photos }
  - { name: desktop, match: { path: "/desktop/:key" }, to: "desktop/:key" }
  - { name: few, match: { path: /few }, policies: { rateLimit: { limit: 100, per: 1m, by: "header:x-client" } }, to: photos }`

/** Starts proxies with one registration key and a folder each, as machines of their own would have them. */
export async function startFleet(t: Teardown, options: FleetOptions): Promise<Fleet> {
  const key = randomBytes(32).toString('base64url')
  const proxies = await Promise.all(
    Array.from({ length: options.proxies ?? 3 }, () => prepareMember(t, key, options)),
  )
  await Promise.all(proxies.map((proxy) => proxy.start()))
  const [first] = proxies as [Member]
  async function makeToken(...upstreams: string[]) {
    const args = upstreams.flatMap((name) => ['--upstream', name])
    const { stdout, stderr } = await runCli(['token', ...args, '--json', '--file', first.file], {
      env: options.env,
    })
    if (stdout === '') throw new Error(stderr)
    return JSON.parse(stdout) as { token: string; id: string }
  }
  const names = [...(options.upstreams ?? defaultUpstreams).matchAll(/^ {2}(\w+): .*leased/gm)]
  const { token } = await makeToken(...names.map(([, name]) => name as string))
  return {
    proxies,
    token,
    makeToken,
    announce(proxy, upstream, url, more = {}) {
      const announced = announce({ upstream, url, admin: proxy.admin, token, onTrouble: () => {}, ...more })
      onEnd(t, () => announced.leave())
      return announced
    },
  }
}

async function prepareMember(t: Teardown, key: string, options: FleetOptions): Promise<Member> {
  const { redis, workers = 1, upstreams = defaultUpstreams, routes = defaultRoutes, env } = options
  const folder = await tempFolder(t)
  const file = join(folder, 'routes.yaml')
  const ports = { http: await freePort(), admin: await freePort() }
  await mkdir(join(folder, 'certs'))
  await writeFile(join(folder, 'certs/registration.key'), key, { mode: 0o600 })
  await writeFile(
    file,
    `listeners: { http: { port: ${ports.http}, address: 127.0.0.1${options.listener ?? ''} } }
admin: { port: ${ports.admin} }
workers: ${workers}
limits: { delay: 0s }
${redis === undefined ? '' : `redis: ${redis}`}
upstreams: ${upstreams}
routes: ${routes}
`,
  )
  const admin = `http://127.0.0.1:${ports.admin}`
  const proxy: Member = {
    folder,
    file,
    url: `http://localhost:${ports.http}`,
    admin,
    process: undefined as unknown as RunningCli,
    async start() {
      proxy.process = startCli(t, ['serve', '--json', '--file', file], { cwd: folder, env })
      await proxy.process.said(/^\{.*"routes".*\}$/m, 60_000)
    },
    targets: async () =>
      (JSON.parse((await request(`${admin}/v1/upstreams`)).text) as { targets: TargetReport[] }).targets,
    readiness: async () => JSON.parse((await request(`${admin}/readyz`)).text),
    async metric(name) {
      const { text } = await request(`${admin}/metrics`)
      const line = text.split('\n').find((each) => each.startsWith(`${name} `))
      return line === undefined ? undefined : Number(line.slice(name.length + 1))
    },
  }
  return proxy
}
