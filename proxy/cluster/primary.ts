import { availableParallelism } from 'node:os'
import { resolve } from 'node:path'
import { type Admin, openAdmin } from '../admin/server.ts'
import type { AdminSource, WorkerChange } from '../admin/source.ts'
import { reportTargets } from '../admin/upstream-report.ts'
import type { LoadedConfig } from '../config/loaded.ts'
import { registrationFiles } from '../config/registration-files.ts'
import { testFileOf } from '../config/route-tests.ts'
import { watchConfig } from '../config/watch.ts'
import { type Fleet, openFleet } from '../fleet/fleet.ts'
import type { Logger } from '../observability/logger.ts'
import {
  metricsJson,
  recordReload,
  renderMetrics,
  setFleetSource,
  setWorkerSource,
  startProcessMetrics,
} from '../observability/metrics.ts'
import { memoryLimits } from '../request/policies/rate-limit.ts'
import { followRevokedIds } from '../request/policies/revoked-ids.ts'
import { rotateTicketKeys } from '../tls/ticket-keys.ts'
import { openAutomaticCertificates } from './automatic-certificates.ts'
import { openCertificates, summariseCertificates } from './certificates.ts'
import { openDashboard } from './dashboard.ts'
import { keptSettings } from './kept-settings.ts'
import type { ClosedRoute, Ports } from './messages.ts'
import { ownAddresses } from './own-addresses.ts'
import { type Condition, readinessOf } from './readiness.ts'
import { openRegistrar } from './registrar.ts'
import { createReloadHistory } from './reload-history.ts'
import { createReloader, type Revision } from './reloader.ts'
import type { Replaced } from './rota.ts'
import { version } from './version.ts'
import { createWorkers } from './workers.ts'

export interface PrimarySettings extends Revision {
  readonly env: NodeJS.ProcessEnv
  readonly log: Logger
}

/** The process that holds everything that there is once: the file, the keys, the counts, the admin listener. */
export interface Primary {
  readonly ports: Ports
  /** `http://127.0.0.1:9901`, or `unix:/path`. */
  readonly admin: string
  readonly workers: number
  readonly closedRoutes: readonly ClosedRoute[]
  /** Targets that have announced themselves, or had before a restart. */
  readonly leased: readonly { readonly upstream: string; readonly url: string }[]
  /** How many workers serve now, how many shall, and what is wrong. */
  condition(): { readonly serving: number; readonly wanted: number; readonly reasons: readonly string[] }
  /** Reads routes.yaml again, and the files that it names, although it may not have changed. Answers when that is done. */
  reload(): Promise<void>
  /** Puts a new worker in the place of each. Answers when the last has taken its place, or one cannot. */
  replaceWorkers(): Promise<void>
  /** Not ready, then no new connections, then no requests. Answers when the last worker has ended. */
  stop(): Promise<void>
  /** At once, with whatever is under way. */
  kill(): void
}

/** Answers when all serve. Throws one sentence if that cannot be; then nothing is open and no process is left. */
export async function startPrimary({ config, text, env, log }: PrimarySettings): Promise<Primary> {
  const wanted = countOf(config)
  let phase: Condition['phase'] = 'starting'
  let closedRoutes: readonly ClosedRoute[] = []
  startProcessMetrics(version)
  let certificates = await openCertificates(config)
  // The workers watch for themselves, and say what is wrong with a file.
  const watchCertificates = (): void =>
    void certificates?.watch(
      () => {
        log.info('certificates are taken up')
        for (const sentence of certificates?.warnings() ?? []) log.warn(sentence)
      },
      () => {},
    )

  const reloads = createReloadHistory(env)
  const reloader = createReloader({
    first: { config, text },
    env,
    log,
    happened: reloads.note,
    async apply(next, commit) {
      // First here, because a self-signed one may have to be made, and once.
      const nextCertificates = await openCertificates(next.config)
      const answer = await workers.reload(next.text, commit)
      if ('problems' in answer) {
        await nextCertificates?.close()
        return answer
      }
      await certificates?.close()
      certificates = nextCertificates
      watchCertificates()
      closedRoutes = answer.closedRoutes
      await registrar.configure(next.config)
      automatic.configure(next.config)
      // Not waited for: it takes as long as the slowest request.
      if (countOf(next.config) !== workers.wanted)
        void change('resize', () => workers.resize(countOf(next.config)))
      return answer
    },
  })
  const tickets = rotateTicketKeys((keys) => workers.setTicketKeys(keys))
  const kept = keptSettings(config)
  const revoked = followRevokedIds(resolve(config.folder, registrationFiles.revoked), (sentence) =>
    log.error(sentence),
  )
  const fleet: Fleet | undefined =
    config.redis &&
    (await openFleet({
      config: config.redis,
      folder: config.folder,
      env,
      log,
      register: () => registrar.register,
      revoked,
      adoptTicketKeys: tickets.adopt,
    }))
  if (fleet) setFleetSource(() => fleet.state)
  const automatic = openAutomaticCertificates({
    log,
    shared: fleet?.certificates,
    setProofs: (proofs) => workers.setProofs(proofs),
    onFirst: () => void reloader.reload(true),
  })
  const workers = createWorkers({
    count: wanted,
    allowed: () => reloader.running.config.limits,
    limits: fleet?.limits ?? memoryLimits(),
    hostWanted: (host) => automatic.named(host),
    refused: (target, reason) => registrar.register.refused(target, reason),
    log,
    order: () => ({
      file: config.file,
      text: reloader.running.text,
      kept,
      ticketKeys: tickets.current().toString('base64'),
      targets: registrar.register.whole(),
      proofs: automatic.proofs(),
      admin: admin?.url ?? '',
      sharedLimits: workers.wanted > 1 || fleet !== undefined,
    }),
  })

  setWorkerSource(() => ({ ready: workers.ready(), wanted: workers.wanted }))

  const reports = async () => reportTargets(registrar.register.targets(), await workers.targets())
  const readiness = () =>
    readinessOf({
      phase,
      workers: { ready: workers.ready(), wanted: workers.wanted },
      refused: reloader.refused,
      closedRoutes,
      waiting: registrar.waiting(),
      troubles: [...(certificates?.warnings() ?? []), ...automatic.warnings(), ...(fleet?.troubles() ?? [])],
    })
  let lastChange: WorkerChange | undefined
  async function change(kind: WorkerChange['kind'], work: () => Promise<Replaced>): Promise<void> {
    const current: WorkerChange = { kind, begunAt: Date.now() }
    lastChange = current
    log.info(
      kind === 'replace' ? 'workers are replaced, one after the other' : 'the number of workers changes',
    )
    const became = await work()
    Object.assign(current, { endedAt: Date.now(), ...became })
    if (became.outcome === 'replaced') log.info('workers are changed', { workers: became.workers })
  }
  let admin: Admin | undefined
  let ports = configuredPorts(config)
  const registrar = await openRegistrar({
    config,
    log,
    own: () => ownAddresses(ports, admin?.url),
    tell: (news) => workers.tellTargets(news),
    reports,
    happened: fleet?.happened,
    isRevoked: (token) => revoked().has(token) || (fleet?.isRevoked(token) ?? false),
  })
  const source: AdminSource = {
    version,
    metrics: async () => renderMetrics([await metricsJson(), ...(await workers.metrics())]),
    routes: workers.routes,
    upstreams: reports,
    tunnels: workers.tunnels,
    decisions: workers.decisions,
    processes: () => ({ pid: process.pid, version, change: lastChange, workers: workers.list() }),
    registration: registrar.registration,
    followers: registrar.followers,
    certificates: () => summariseCertificates(certificates?.list() ?? []),
    automatic: automatic.status,
    readiness,
  }
  const dashboard = openDashboard({
    source,
    workers,
    reports,
    reloads,
    running: () => reloader.running.config,
  })
  await fleet?.start()
  try {
    admin = await openAdmin({ ...placeOf(config), source, dashboard })
    const started = await workers.start()
    closedRoutes = started.closedRoutes
    ports = { ...ports, ...started.ports }
    phase = 'serving'
    recordReload('success', config.sha256)
    automatic.configure(reloader.running.config)
    watchCertificates()
    const unwatch = watchConfig(config.file, () => void reloader.reload(false))
    // A table that its tests have kept out is tried again when they are mended, or taken away.
    const unwatchTests = watchConfig(testFileOf(config.file), () => {
      if (reloader.refused.length > 0) void reloader.reload(true)
    })
    // It may have been saved again while the workers started, when nobody looked.
    void reloader.reload(false)
    const opened = admin
    return {
      ports: started.ports,
      admin: opened.url,
      workers: wanted,
      closedRoutes,
      leased: Array.from(registrar.register.leases(), ({ upstream, url }) => ({ upstream, url })),
      condition: () => ({
        serving: workers.ready(),
        wanted: workers.wanted,
        reasons: readiness().reasons,
      }),
      reload: async () => void (await reloader.reload(true)),
      replaceWorkers: () => change('replace', workers.replaceAll),
      async stop() {
        phase = 'stopping'
        unwatch()
        unwatchTests()
        dashboard.close()
        tickets.stop()
        fleet?.close()
        await workers.stop(reloader.running.config.limits.stop)
        await Promise.all([opened.close(), registrar.close(), certificates?.close(), automatic.close()])
      },
      kill: workers.kill,
    }
  } catch (error) {
    workers.kill()
    dashboard.close()
    tickets.stop()
    fleet?.close()
    await Promise.all([admin?.close(), registrar.close(), certificates?.close()])
    throw error
  }
}

function countOf({ workers }: LoadedConfig): number {
  return workers === 'auto' ? availableParallelism() : workers
}

/** The admin listener as configured; a socket is relative to routes.yaml, like every file. */
function placeOf({ admin, folder }: LoadedConfig): LoadedConfig['admin'] {
  return { ...admin, socket: admin.socket && resolve(folder, admin.socket) }
}

/** Before the listeners are open. */
function configuredPorts({ listeners }: LoadedConfig): Ports {
  return Object.fromEntries(Object.entries(listeners).map(([name, { port }]) => [name, port]))
}
