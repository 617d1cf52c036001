import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { StartReport } from '../../proxy/cli/start-text.ts'
import { type Certificate, selfSigned } from '../harness/certificate.ts'
import { type RunningCli, startCli } from '../harness/cli.ts'
import { eventually } from '../harness/eventually.ts'
import type { Teardown } from '../harness/teardown.ts'
import type { Upstreams } from './upstreams.ts'

/** The real command with two workers, and what operators do to it while it serves. */
export interface Gatehouse {
  readonly cli: RunningCli
  readonly pid: number
  readonly https: number
  readonly http: number
  readonly admin: string
  /** Who signs its certificates, all of them. */
  readonly ca: string
  readonly tokenSecret: string
  /** What `x-generation` may say now: that of the table in force, and while it is replaced, that of both. */
  readonly generations: readonly number[]
  /** Swaps in another routes.yaml, and waits until it is taken up. */
  reload(): Promise<void>
  /** Puts another certificate in the place of the one that is shown. */
  swapCertificate(): Promise<void>
  /** Renames the access log, as logrotate does. */
  rotateLog(): Promise<void>
  /** Lines of all access logs so far. */
  countLines(): Promise<number>
}

export async function startGatehouse(t: Teardown, folder: string, upstreams: Upstreams): Promise<Gatehouse> {
  const authority = await selfSigned(['Soak authority'], { authority: true })
  const pairs = await Promise.all([
    selfSigned(['localhost'], { ca: authority }),
    selfSigned(['localhost'], { ca: authority }),
  ])
  const tokenSecret = 'a secret of the soak test that is long enough'
  const file = join(folder, 'routes.yaml')
  const log = join(folder, 'access.log')
  const generations = [1]
  let shown = 0
  let counted = 0
  let rotated = 0

  const writeRoutes = (): Promise<void> => replace(file, routesYaml(upstreams, generations[0] as number))
  const writePair = async ({ cert, key }: Certificate): Promise<void> => {
    await replace(join(folder, 'localhost.key'), key)
    await replace(join(folder, 'localhost.crt'), cert)
  }
  const countAndRemove = async (path: string): Promise<void> => {
    counted += await linesOf(path)
    await rm(path)
  }

  await mkdir(join(folder, 'site'))
  await writeFile(
    join(folder, 'site/index.html'),
    '<!doctype html><title>Soak</title>'.padEnd(20_000, ' soak'),
  )
  await writeFile(join(folder, 'token.key'), tokenSecret)
  await writePair(pairs[0] as Certificate)
  await writeRoutes()
  const cli = startCli(t, ['serve', '--json', '--no-first-start', '--file', file], {
    cwd: folder,
    env: {
      // Left alone, V8 gives each process up to 134 MB for what is young, and takes hours until it has touched them all.
      NODE_OPTIONS: `--max-semi-space-size=8 --import=${new URL('collect-on-signal.ts', import.meta.url).href}`,
    },
  })
  const [said] = await cli.said(/^\{.*"routes".*\}$/m, 60_000)
  const report: StartReport = JSON.parse(said)
  const portOf = (name: string): number => Number(new URL(report.listeners[name] as string).port)

  return {
    cli,
    pid: cli.child.pid as number,
    https: portOf('https'),
    http: portOf('http'),
    admin: report.admin,
    ca: authority.cert,
    tokenSecret,
    generations,
    async reload() {
      const takenUp = (): number => cli.output.stderr.match(/routes\.yaml is taken up/g)?.length ?? 0
      const before = takenUp()
      generations.unshift((generations[0] as number) + 1)
      await writeRoutes()
      // The next one is not written before, or on a machine that stands still nobody knows what may be in force. One
      // that is never taken up is found at the end, by its number.
      await eventually(() => takenUp() > before, { timeout: 60_000 }).catch(() => {})
      generations.length = 1
    },
    async swapCertificate() {
      shown = 1 - shown
      await writePair(pairs[shown] as Certificate)
    },
    async rotateLog() {
      rotated++
      await rename(log, `${log}.${rotated}`)
      // Writers look at the name once a second, so the one before is at rest.
      if (rotated > 1) await countAndRemove(`${log}.${rotated - 1}`)
    },
    async countLines() {
      return counted + (await linesOf(`${log}.${rotated}`)) + (await linesOf(log))
    },
  }
}

async function linesOf(path: string): Promise<number> {
  try {
    return (await readFile(path, 'latin1')).split('\n').length - 1
  } catch {
    return 0
  }
}

async function replace(path: string, text: string): Promise<void> {
  await writeFile(`${path}.new`, text)
  await rename(`${path}.new`, path)
}

/** Every kind of route. Each generation says its number, and every second one has a route more. */
function routesYaml({ honest, flapping, lying }: Upstreams, generation: number): string {
  const more =
    generation % 2 === 0 ? '  - { name: sometimes, match: { path: /sometimes }, to: honest }\n' : ''
  return `
listeners:
  https: { port: 0, address: 127.0.0.1 }
  http: { port: 0, address: 127.0.0.1, redirect: https }
tls: { certificates: [{ cert: localhost.crt, key: localhost.key }] }
admin: { port: 0 }
workers: 2
accessLog: { file: access.log }
# A machine that others use as well stops for longer than a machine of one's own.
limits: { delay: 2s, stop: 5s }
upstreams:
  honest: { targets: ["${honest}"] }
  flapping: { targets: ["${flapping}"], connectTimeout: 1s }
  lying: { targets: ["${lying}"], connectTimeout: 1s }
defaults:
  policies:
    headers: { response: { set: { x-generation: "${generation}" } } }
routes:
  - name: api
    match: { path: /api }
    policies: { rateLimit: { limit: 100000000 }, securityHeaders: true, compress: true }
    to: honest
  - { name: token, match: { path: /token }, policies: { jwt: { key: token.key } }, to: honest }
  - { name: upload, match: { path: /upload }, policies: { maxBody: 2MB }, to: honest }
  # Its policies stay the same through all reloads, so its tunnels do.
  - { name: tunnel, match: { path: /tunnel }, policies: { headers: false }, to: honest }
  - { name: events, match: { path: /events }, to: honest }
  - { name: flapping, match: { path: /flapping }, to: flapping }
  - { name: lying, match: { path: /lying }, to: lying, timeouts: { response: 1s, idle: 1s } }
  - { name: site, match: { path: /site }, policies: { compress: true, cache: { rules: [{ maxAge: 1m }] } }, files: site }
${more}`
}
