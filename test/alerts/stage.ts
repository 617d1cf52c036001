import { mkdir, rename, writeFile } from 'node:fs/promises'
import type { RequestListener } from 'node:http'
import { join } from 'node:path'
import type { StartReport } from '../../proxy/cli/start-text.ts'
import { type Announced, announce } from '../../services/shared/announce.ts'
import { type Certificate, selfSigned } from '../harness/certificate.ts'
import { type RunningCli, runCli, startCli } from '../harness/cli.ts'
import { freePort } from '../harness/free-port.ts'
import type { Network } from '../harness/network.ts'
import type { RunningRedis } from '../harness/redis.ts'
import { request } from '../harness/request.ts'
import { onEnd, type Teardown } from '../harness/teardown.ts'
import { tempFolder } from '../harness/temp-folder.ts'
import { startUpstream, type Upstream } from '../harness/upstream.ts'
import type { TritonDouble } from '../services/camera/triton-double.ts'
import type { Fleet } from '../services/fleet.ts'
import type { RealPostgres } from '../services/postgres.ts'

/** A Gatehouse of two workers with some services behind it, on which something is broken. */
export interface Stage {
  readonly t: Teardown
  readonly folder: string
  readonly process: RunningCli
  readonly report: StartReport
  readonly admin: string
  /** The listener without TLS. */
  readonly url: string
  /** How each service answers. A fault may replace it. */
  readonly answers: { shop: RequestListener; one: RequestListener; two: RequestListener }
  readonly shop: Upstream
  readonly announced: Announced
  /** Puts routes.yaml in place, whole. */
  write(text: string): Promise<void>
  /** What it was at first. */
  readonly routes: string
  /** Runs `./gatehouse …` beside it, and answers what it says. */
  gatehouse(...args: string[]): Promise<string>
  ready(): Promise<{ ready: boolean; reasons: string[] }>
  workers(): Promise<number[]>
  /** Starts Gatehouse again, where it was killed. */
  startAgain(): Promise<void>
  /** What time Gatehouse has. Unix ms. */
  now(): Promise<number>
  /** The file that says by how much its clock is wrong, if it has one. */
  readonly clock: string
  /** Who signs its certificates. */
  readonly authority: Certificate
  /** Starts the shop anew, as if it had been killed: another port, another announcement. */
  startShop(): Promise<void>
  /** What it stands on. */
  readonly with: Beside
  /** Where the metrics of services are that Prometheus watches beside it. */
  readonly services: Readonly<Record<string, string>>
}

/** Engines beside the proxy. */
export interface Beside {
  readonly redis?: RunningRedis
  readonly postgres?: RealPostgres
  readonly network?: Network
  readonly fleet?: Fleet
  readonly triton?: TritonDouble
  /** Models of Hugging Face. */
  readonly hub?: Upstream
  readonly docker?: { close(): Promise<void>; open(): Promise<unknown> }
}

export interface StageOptions {
  /** More of routes.yaml, before the routes. */
  readonly settings?: string
  /** More upstreams and routes, as lines of YAML. */
  readonly upstreams?: string
  readonly routes?: string
  readonly listenOn?: string
  readonly env?: NodeJS.ProcessEnv
  readonly with?: Beside
  readonly services?: Readonly<Record<string, string>>
  readonly clock?: string
  /** Called with the folder before anything is written into it. */
  prepare?(folder: string): Promise<void>
  /** Called when it serves. */
  after?(stage: Stage): Promise<void>
}

export async function startStage(t: Teardown, options: StageOptions = {}): Promise<Stage> {
  const folder = await tempFolder(t)
  await options.prepare?.(folder)
  await mkdir(join(folder, 'certs'), { recursive: true })
  const authority = await selfSigned(['authority'], { authority: true })
  await writePair(folder, authority, 90)
  const fine: RequestListener = (_request, response) => void response.end('fine')
  const answers = { shop: fine, one: fine, two: fine }
  const [shop, one, two] = await Promise.all(
    (['shop', 'one', 'two'] as const).map((name) => startUpstream(t, (...args) => answers[name](...args))),
  )
  const { settings = '', upstreams = '', routes: more = '', listenOn = '127.0.0.1' } = options
  const ports = { http: await freePort(), https: await freePort(), admin: await freePort() }
  const routes = `listeners: { http: { port: ${ports.http}, address: "${listenOn}" }, https: { port: ${ports.https}, address: 127.0.0.1 } }
admin: { port: ${ports.admin} }
workers: 2
tls: { certificates: [{ cert: certs/stage.crt, key: certs/stage.key }] }
${settings}
upstreams:
  shop: { leased: true, health: { path: /health, interval: 1s } }
  pair: { targets: ["${one?.url}", "${two?.url}"], health: { path: /health, interval: 1s } }
${upstreams}
routes:
  - { name: shop, listeners: [http, https], to: shop }
  - { name: pair, match: { path: /pair }, listeners: [http, https], to: pair }
${more}
`
  const file = join(folder, 'routes.yaml')
  const write = async (text: string): Promise<void> => {
    await writeFile(`${file}.new`, text)
    await rename(`${file}.new`, file)
  }
  await write(routes)
  const serve = async (): Promise<{ process: RunningCli; report: StartReport }> => {
    const process = startCli(t, ['serve', '--json', '--file', file], { cwd: folder, env: options.env })
    const [said] = await process.said(/^\{"version".*\}$/m, 60_000)
    return { process, report: JSON.parse(said) }
  }
  const { process, report } = await serve()
  const { admin } = report
  const { stdout } = await runCli(['token', '--upstream', 'shop', '--file', file], { cwd: folder })
  const token = stdout.trim()
  const announceShop = (url: string): Announced => {
    const announced = announce({ upstream: 'shop', url, admin, token, ttl: 4_000, onTrouble: () => {} })
    onEnd(t, () => announced.leave())
    return announced
  }
  const ask = async (path: string) => JSON.parse((await request(`${admin}${path}`, { timeout: 5_000 })).text)
  const stage: Stage = {
    t,
    folder,
    process,
    report,
    admin,
    url: report.listeners.http as string,
    answers,
    shop: shop as Upstream,
    announced: announceShop(shop?.url ?? ''),
    with: options.with ?? {},
    services: options.services ?? {},
    clock: options.clock ?? '',
    authority,
    async startAgain() {
      await serve()
    },
    async now() {
      const { text } = await request(`${admin}/metrics`, { timeout: 5_000 })
      return Number(/^gatehouse_clock_timestamp_seconds (\S+)/m.exec(text)?.[1]) * 1000
    },
    async startShop() {
      const again = await startUpstream(t, (...args) => answers.shop(...args))
      announceShop(again.url)
    },
    write,
    routes,
    async gatehouse(...args) {
      const outcome = await runCli([...args, '--file', file], { cwd: folder })
      return outcome.stdout + outcome.stderr
    },
    ready: () => ask('/readyz'),
    workers: async () =>
      (await ask('/v1/workers')).workers
        .filter(({ state }: { state: string }) => state === 'ready')
        .map(({ pid }: { pid: number }) => pid),
  }
  await options.after?.(stage)
  return stage
}

/** Puts a certificate in place that ends in so many days; less than nothing is one that has ended. */
export async function writePair(folder: string, ca: Certificate, days: number): Promise<void> {
  const day = 86_400_000
  const { key, cert } = await selfSigned(['localhost', '127.0.0.1'], {
    ca,
    notBefore: new Date(Date.now() - 30 * day),
    notAfter: new Date(Date.now() + days * day),
  })
  await writeFile(join(folder, 'certs/stage.key'), key, { mode: 0o600 })
  await writeFile(join(folder, 'certs/stage.crt'), cert)
}
