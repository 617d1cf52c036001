import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { StartReport } from '../../proxy/cli/start-text.ts'
import { type RunningCli, startCli } from '../harness/cli.ts'
import { eventually } from '../harness/eventually.ts'
import { request } from '../harness/request.ts'
import { onEnd, type Teardown } from '../harness/teardown.ts'
import { tempFolder } from '../harness/temp-folder.ts'

/** `./gatehouse serve` as a process of its own, with its workers. */
export interface Served extends RunningCli {
  readonly report: StartReport
  /** Of routes.yaml. */
  readonly file: string
  /** `http://localhost:1234` of the listener `http`. */
  readonly url: string
  /** Puts another routes.yaml in place, whole. */
  write(routes: string, settings?: ServedOptions): Promise<void>
  readiness(): Promise<{ status: number; ready: boolean; reasons: string[] }>
  metrics(): Promise<string>
  /** Process ids of the workers that live now. */
  workers(): number[]
}

export interface ServedOptions {
  workers?: number
  /** More of routes.yaml, before the routes. */
  settings?: string
}

/** Starts it with these routes (YAML), on free ports, and waits until it serves. */
export async function served(t: Teardown, routes: string, options: ServedOptions = {}): Promise<Served> {
  const folder = await tempFolder(t)
  const file = join(folder, 'routes.yaml')
  await writeFile(file, textOf(routes, options))
  const cli = startCli(t, ['serve', '--json', '--file', file], { cwd: folder })
  const ended = once(cli.child, 'close').then(() =>
    Promise.reject(new Error(`It ended:\n${cli.output.stderr}`)),
  )
  ended.catch(() => {})
  const [said] = await Promise.race([cli.said(/^\{.*"routes".*\}$/m, 30_000), ended])
  const report: StartReport = JSON.parse(said)
  const workers = (): number[] => childrenOf(cli.child.pid as number)
  const known = workers()
  onEnd(t, async () => {
    // Whoever is left is a fault of what is tested, and must not outlive the test.
    for (const pid of known) if (isAlive(pid)) process.kill(pid, 'SIGKILL')
  })
  return {
    ...cli,
    report,
    file,
    url: report.listeners.http as string,
    async write(next, settings) {
      await writeFile(`${file}.new`, textOf(next, { ...options, ...settings }))
      await rename(`${file}.new`, file)
    },
    async readiness() {
      const { status, text } = await request(`${report.admin}/readyz`)
      return { status, ...JSON.parse(text) }
    },
    metrics: async () => (await request(`${report.admin}/metrics`)).text,
    workers,
  }
}

export function textOf(routes: string, { workers = 1, settings = '' }: ServedOptions = {}): string {
  return `
listeners: { http: { port: 0, address: 127.0.0.1 } }
admin: { port: 0 }
workers: ${workers}
${settings}
routes:
${routes}
`
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}

export async function ended(pids: readonly number[], timeout = 5000): Promise<void> {
  await eventually(() => !pids.some(isAlive), { timeout })
}

function childrenOf(pid: number): number[] {
  try {
    const text = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8')
    return text.split(' ').filter(Boolean).map(Number)
  } catch {
    return []
  }
}
