import { basename, dirname, resolve } from 'node:path'
import { type Primary, startPrimary } from '../cluster/primary.ts'
import { version } from '../cluster/version.ts'
import { loadConfig } from '../config/load.ts'
import type { LoadedConfig } from '../config/loaded.ts'
import { formatProblem } from '../config/problem.ts'
import { logger } from '../observability/logger.ts'
import { findFailingTests } from '../rehearsal/route-tests.ts'
import { ensureDashboardFiles, ensureFirstStartFiles } from './init.ts'
import { addressOf, routeRows } from './route-rows.ts'
import { judgeRuntime } from './runtime.ts'
import { openServiceManager, type ServiceManager } from './service-manager.ts'
import { type StartReport, startText } from './start-text.ts'

export interface ServeArguments {
  readonly file: string
  /** Make what routes.yaml names and a fresh clone lacks. */
  readonly firstStart: boolean
  /** Serve a table that fails the tests beside it. */
  readonly skipTests: boolean
  /** Say how the start went as JSON. */
  readonly json: boolean
}

export interface ServeOutput {
  out(text: string): void
  err(text: string): void
  colour: boolean
  /** Of the terminal. Undefined: it is none. */
  columns?: number
}

const log = logger.child('gatehouse')

/**
 * `gatehouse serve`: serves routes.yaml until it is told to stop. SIGTERM and SIGINT let requests end, and a second
 * one does not; SIGHUP reads the file again, and SIGUSR2 puts a new worker in the place of each. A service manager that
 * asks is told of all of it. Exit code 0 after a stop, 1 after a fault of the primary, 2 if it cannot be served.
 */
export async function runServe(
  { file, firstStart, skipTests, json }: ServeArguments,
  io: ServeOutput,
): Promise<number> {
  const runtime = judgeRuntime(process.versions.node)
  if (runtime.verdict === 'faulty' && process.env.GATEHOUSE_UNSAFE_RUNTIME !== '1') {
    io.err(`gatehouse: ${runtime.sentence}`)
    return 2
  }
  if (runtime.verdict !== 'good') log.warn(runtime.sentence)

  const manager = openServiceManager(process.env, (sentence) => log.warn(sentence))
  const signals = listenForSignals(manager)
  const isFirst = firstStart && basename(file) === 'routes.yaml'
  const made = isFirst ? await ensureFirstStartFiles(dirname(resolve(file))) : []
  const loaded = await loadConfig({ file })
  if (!loaded.ok) {
    // The command that is made for it shows each mistake under its line.
    const { runCheck } = await import('./check.ts')
    return runCheck({ file, json, strict: false }, io)
  }
  for (const warning of loaded.warnings) log.warn(formatProblem(warning))
  if (isFirst) made.push(...(await ensureDashboardFiles(loaded.config.folder)))
  const failing = skipTests ? [] : await findFailingTests(loaded.config, process.env)
  if (failing.length > 0) {
    for (const problem of failing) io.err(formatProblem(problem))
    io.err(`gatehouse: ${file} fails its tests and is not served; mend it, or start with --skip-tests`)
    return 2
  }
  let primary: Primary
  try {
    primary = await startPrimary({ config: loaded.config, text: loaded.text, env: process.env, log })
  } catch (error) {
    io.err(`gatehouse: ${(error as Error).message}`)
    return 2
  }
  const stopped = signals.obey(primary)
  const report = await reportOf(loaded.config, primary, { file, made })
  io.out(json ? JSON.stringify(report) : startText(report, io.colour, io.columns))
  manager?.ready(statusOf(primary))
  // Workers that hang are ended and replaced by the primary. If none serves all the same, another start is the last remedy.
  manager?.watch(
    () => primary.condition().serving > 0,
    () => statusOf(primary),
  )
  return stopped
}

async function reportOf(
  config: LoadedConfig,
  { ports, closedRoutes, leased, admin, workers }: Primary,
  { file, made }: { file: string; made: readonly string[] },
): Promise<StartReport> {
  const names = Object.keys(config.listeners)
  return {
    version,
    file,
    workers,
    listeners: Object.fromEntries(names.map((name) => [name, addressOf(config, ports, name, 'localhost')])),
    admin,
    accessLog: config.accessLog.file,
    routes: await routeRows(config, { ports, closedRoutes, leased }),
    made,
  }
}

/** One line for whoever looks at the service. */
function statusOf(primary: Primary): string {
  const { serving, wanted, reasons } = primary.condition()
  const all = serving < wanted ? reasons : [`${serving} workers serve`, ...reasons]
  return all.join('; ').replace(/\s+/g, ' ').slice(0, 500)
}

/** A signal that a shell and a wrapper both pass on is one signal. Milliseconds. */
const sameSignal = 300

/** Listens from the first moment, so that there is no moment at which a signal leaves processes behind. */
function listenForSignals(manager: ServiceManager | undefined): { obey(primary: Primary): Promise<number> } {
  const ended = Promise.withResolvers<number>()
  let primary: Primary | undefined
  let stoppingSince: number | undefined

  /** `code`: of an end that lets requests end. `atOnce`: of one that does not. */
  const stop = (code: number, atOnce: number): void => {
    // Workers that are just starting end with the channel to this process.
    if (primary === undefined) process.exit(atOnce)
    const now = Date.now()
    if (stoppingSince === undefined) {
      stoppingSince = now
      manager?.stopping()
      log.info('stopping: no new connections, requests under way may end; a second signal ends them')
      primary.stop().then(
        () => ended.resolve(code),
        () => ended.resolve(1),
      )
    } else if (now - stoppingSince > sameSignal) {
      primary.kill()
      process.exit(atOnce)
    }
  }
  // As a shell tells it: 128 and the number of the signal.
  process.on('SIGTERM', () => stop(0, 143))
  process.on('SIGINT', () => stop(0, 130))
  const renew = async (work: (serving: Primary) => Promise<void>): Promise<void> => {
    if (primary === undefined || stoppingSince !== undefined) return
    manager?.reloading()
    await work(primary)
    if (stoppingSince === undefined) manager?.ready(statusOf(primary))
  }
  process.on('SIGHUP', () => void renew((serving) => serving.reload()))
  process.on('SIGUSR2', () => void renew((serving) => serving.replaceWorkers()))
  const fail = (error: unknown): void => {
    log.error('something was thrown that nobody caught, so Gatehouse stops', { error })
    stop(1, 1)
  }
  process.on('uncaughtException', fail)
  process.on('unhandledRejection', fail)
  // Whoever read along may go away.
  process.stdout.on('error', () => {})
  process.stderr.on('error', () => {})
  return {
    obey(started) {
      primary = started
      return ended.promise
    },
  }
}
