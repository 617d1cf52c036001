import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { TargetReport } from '../../proxy/admin/upstream-report.ts'
import type { StartReport } from '../../proxy/cli/start-text.ts'
import { type Announced, announce } from '../../services/shared/announce.ts'
import { type RunningCli, runCli, startCli } from '../harness/cli.ts'
import { freePort } from '../harness/free-port.ts'
import { type Reply, request } from '../harness/request.ts'
import { onEnd, type Teardown } from '../harness/teardown.ts'
import { tempFolder } from '../harness/temp-folder.ts'

/** A Gatehouse of two workers, into whose upstreams services announce themselves. */
export interface Scene {
  readonly folder: string
  readonly file: string
  /** `http://localhost:1234`, with a path for each upstream. */
  readonly url: string
  readonly admin: string
  readonly ports: { http: number; admin: number }
  readonly token: string
  proxy: RunningCli
  report: StartReport
  /** Makes a token for these upstreams. */
  makeToken(upstreams: readonly string[], ...more: string[]): Promise<{ token: string; id: string }>
  /** PUT or DELETE of a target: `photos/targets/one`. */
  call(method: string, path: string, body?: object, token?: string): Promise<Reply>
  announce(upstream: string, url: string, more?: object): Announced
  targets(): Promise<TargetReport[]>
  /** Starts it again, on the same ports and in the same folder. */
  start(): Promise<void>
}

/** All of what is leased here. The shape of an answer's body is that of the harness's `echo`. */
const upstreams = `
  photos: { leased: true }
  camera: { leased: true, health: { path: /health, interval: 200ms, failures: 1 } }
  desktop: { leased: true, keyed: true }
  visits: { leased: true, sockets: [sockets] }
  fixed: { targets: ["http://127.0.0.1:9"] }
`

export async function startScene(t: Teardown, { workers = 2, sticky = false } = {}): Promise<Scene> {
  const folder = await tempFolder(t)
  const file = join(folder, 'routes.yaml')
  const ports = { http: await freePort(), admin: await freePort() }
  await writeFile(join(folder, 'sticky.key'), 'k'.repeat(43))
  const stuck = sticky ? '  stuck: { leased: true, sticky: { key: sticky.key } }' : ''
  const names = ['photos', 'camera', 'visits', 'fixed', ...(sticky ? ['stuck'] : [])]
  const routes = names.map((name) => `  - { name: ${name}, match: { path: /${name} }, to: ${name} }`)
  await writeFile(
    file,
    `listeners: { http: { port: ${ports.http}, address: 127.0.0.1 } }
admin: { port: ${ports.admin} }
workers: ${workers}
upstreams: ${upstreams}${stuck}
routes:
${routes.join('\n')}
  - { name: desktop, match: { path: "/desktop/:key" }, to: "desktop/:key" }
`,
  )
  const admin = `http://127.0.0.1:${ports.admin}`
  async function makeToken(names: readonly string[], ...more: string[]) {
    const args = names.flatMap((name) => ['--upstream', name])
    const { stdout, stderr } = await runCli(['token', ...args, '--json', '--file', file, ...more])
    if (stdout === '') throw new Error(stderr)
    return JSON.parse(stdout) as { token: string; id: string }
  }
  const { token } = await makeToken(['photos', 'camera', 'desktop', 'visits', ...(sticky ? ['stuck'] : [])])
  const scene = {
    folder,
    file,
    url: `http://localhost:${ports.http}`,
    admin,
    ports,
    token,
    makeToken,
    call: (method: string, path: string, body?: object, by = token) =>
      request(`${admin}/v1/upstreams/${path}`, {
        method,
        headers: { authorization: `Bearer ${by}` },
        body: body && JSON.stringify(body),
      }),
    announce(upstream: string, url: string, more: object = {}) {
      const announced = announce({ upstream, url, admin, token, onTrouble: () => {}, ...more })
      onEnd(t, () => announced.leave())
      return announced
    },
    targets: async () =>
      (JSON.parse((await request(`${admin}/v1/upstreams`)).text) as { targets: TargetReport[] }).targets,
    async start() {
      scene.proxy = startCli(t, ['serve', '--json', '--file', file], { cwd: folder })
      const [said] = await scene.proxy.said(/^\{.*"routes".*\}$/m, 30_000)
      scene.report = JSON.parse(said)
    },
  } as Scene
  await scene.start()
  return scene
}

/** Asks that often, each time on a new connection, so that every worker is asked. */
export async function askAll(url: string, times = 8): Promise<number[]> {
  const replies = await Promise.all(Array.from({ length: times }, () => request(url)))
  return replies.map(({ status }) => status)
}
