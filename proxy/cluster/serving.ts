import { isDeepStrictEqual } from 'node:util'
import { type RouteSummary, summariseRoute } from '../admin/route-summary.ts'
import type { TargetUse } from '../admin/upstream-report.ts'
import type { LoadedConfig } from '../config/loaded.ts'
import { createGatehouse, type Gatehouse } from '../gatehouse.ts'
import { openAccessLogs } from '../observability/access-log.ts'
import { createFollowedExchanges, type FollowedExchanges } from '../observability/followed-exchanges.ts'
import { forgetRoutes, setMetricSources } from '../observability/metrics.ts'
import { createRecentDecisions, type RecentDecisions } from '../observability/recent-decisions.ts'
import { openTraceLog } from '../observability/tracing/trace-log.ts'
import { type OpenListeners, openListeners } from '../request/accept/listeners.ts'
import type { Exchange } from '../request/exchange.ts'
import type { LimitStore } from '../request/policies/context.ts'
import { tellUnknownNames } from '../tls/acme/unknown-names.ts'
import type { CertificateStore } from '../tls/certificates.ts'
import type { TargetSource } from '../upstreams/upstream.ts'
import { openCertificates } from './certificates.ts'
import { createClientErrors } from './client-errors.ts'
import type { Activated, Patience, Ports } from './messages.ts'
import { metricSources } from './metric-sources.ts'
import { type Logs, observeExchanges } from './observer.ts'
import { endOldTunnels, endWithdrawnTunnels, withdrawalsEvery } from './old-tunnels.ts'
import { version } from './version.ts'

/** What one process needs to serve. */
export interface ServingSettings {
  /** Its listeners are those to be opened. */
  readonly config: LoadedConfig
  readonly env: NodeJS.ProcessEnv
  readonly limits: LimitStore
  readonly ticketKeys: Buffer
  /** Where leases come from. Without it there are fixed targets alone. */
  readonly targets?: TargetSource
  /** A client asked for a host that may be given a certificate. */
  wanted?(host: string): void
  /** Something went wrong that no client waits for. */
  onTrouble(sentence: string): void
}

/** One process that serves: a gatehouse, its listeners, its certificates, its access logs. */
export interface Serving {
  readonly gatehouse: Gatehouse
  readonly listeners: OpenListeners['listeners']
  /** Builds another configuration with the same listeners. Throws a BuildError, or one sentence of a certificate. */
  prepare(config: LoadedConfig): Promise<PreparedServing>
  setTicketKeys(keys: Buffer): void
  setProofs: OpenListeners['setProofs']
  routes(): RouteSummary[]
  /** Those with something under way, or of which something went wrong. */
  targets(): TargetUse[]
  /** What was decided about clients a while ago. */
  readonly recent: RecentDecisions
  /** Exchanges as they end, for those who follow. */
  readonly followed: FollowedExchanges
  /**
   * Takes nothing new, lets requests end, and then ends what would never end by itself. Called again, it may take
   * less time than was said before.
   */
  stop(patience: Patience): Promise<void>
}

export interface PreparedServing {
  activate(): Promise<Activated>
  discard(): Promise<void>
}

/** Answers when every listener is open. Throws a BuildError or one sentence; then nothing is open. */
export async function startServing(settings: ServingSettings): Promise<Serving> {
  const { config, env, limits, ticketKeys, targets, onTrouble } = settings
  const parts: Parts = { ...openLogs(config, env), certificates: undefined }
  const recent = createRecentDecisions()
  const followed = createFollowedExchanges()
  const clientErrors = createClientErrors(onTrouble)
  const gatehouse = createGatehouse(config, {
    env,
    limits,
    targets,
    observer: observeExchanges(() => parts, recent, followed),
    onBackgroundError: onTrouble,
  })
  const withdrawals = setInterval(endWithdrawnTunnels, withdrawalsEvery, gatehouse).unref()
  const close = async (): Promise<void> => {
    clearInterval(withdrawals)
    await Promise.all([gatehouse.close(), closeLogs(parts), parts.certificates?.close()])
  }
  let stopped: Promise<void> | undefined
  let requestsUntil = Number.POSITIVE_INFINITY
  let tunnelsUntil = Number.POSITIVE_INFINITY
  try {
    parts.certificates = await openCertificates(config)
    const open = await openListeners({
      listeners: config.listeners,
      limits: config.limits,
      trustedProxies: config.trustedProxies,
      certificates: parts.certificates,
      ticketKeys,
      unknownName: tellUnknownNames(
        () => gatehouse.config.tls.automatic?.onDemand?.hosts,
        (host) => settings.wanted?.(host),
      ),
      folder: config.folder,
      serve: gatehouse.serve,
      onClientError(listener, code, peer) {
        clientErrors(listener, code, peer)
        recent.noteClientError(listener, code, peer)
      },
    })
    const whole: Whole = { gatehouse, open, parts, env, onTrouble }
    followCertificates(whole)
    setMetricSources(metricSources(gatehouse, open, () => parts.certificates?.list() ?? []))
    const stop = async (): Promise<void> => {
      const isReplaced = tunnelsUntil > Date.now()
      open.stopAccepting(isReplaced)
      const idleUntil = Date.now() + oneMore
      if (isReplaced)
        await until(
          () => open.connections().length === 0,
          () => Math.min(requestsUntil, idleUntil),
        )
      open.stopAccepting()
      await until(
        () => !has(gatehouse, 'http'),
        () => requestsUntil,
      )
      await until(
        () => !has(gatehouse, 'websocket', 'sse'),
        () => tunnelsUntil,
      )
      // What was answered last is still on its way to the client.
      await open.close({ deadline: Math.min(lastBytes, Math.max(0, requestsUntil - Date.now())) })
      await logged(gatehouse)
      await close()
    }
    return {
      gatehouse,
      listeners: open.listeners,
      prepare: (next) => prepare(next, whole),
      setTicketKeys: open.setTicketKeys,
      setProofs: open.setProofs,
      routes: () => gatehouse.state.table.routes.map((route) => summariseRoute(route)),
      targets: () => usedTargets(gatehouse),
      recent,
      followed,
      stop(patience) {
        requestsUntil = Math.min(requestsUntil, Date.now() + patience.requests)
        tunnelsUntil = Math.min(tunnelsUntil, Date.now() + patience.tunnels)
        stopped ??= stop()
        return stopped
      },
    }
  } catch (error) {
    await close()
    throw error
  }
}

/** What a reload replaces. */
interface Parts extends Logs {
  accessLogs: Logs['accessLogs']
  traceLog: Logs['traceLog']
  certificates: CertificateStore | undefined
}

interface Whole {
  readonly gatehouse: Gatehouse
  readonly open: OpenListeners
  readonly parts: Parts
  readonly env: NodeJS.ProcessEnv
  onTrouble(sentence: string): void
}

async function prepare(next: LoadedConfig, whole: Whole): Promise<PreparedServing> {
  const { gatehouse, open, parts, env } = whole
  const prepared = gatehouse.prepare(next)
  let certificates: CertificateStore | undefined
  let logs: Logs | undefined
  try {
    certificates = await openCertificates(next)
    if (!isDeepStrictEqual(whatIsLogged(next), whatIsLogged(gatehouse.config))) logs = openLogs(next, env)
  } catch (error) {
    prepared.discard()
    await certificates?.close()
    throw error
  }
  return {
    async activate() {
      const before = { ...parts }
      prepared.activate()
      open.update({ limits: next.limits, trustedProxies: next.trustedProxies })
      if (logs !== undefined) {
        Object.assign(parts, logs)
        void closeLogs(before)
      }
      parts.certificates = certificates
      await takeUp(certificates, whole)
      followCertificates(whole)
      await before.certificates?.close()
      forgetRoutes(new Set(next.routes.map(({ name }) => name)), new Set(Object.keys(next.upstreams)))
      return { endedTunnels: endOldTunnels(gatehouse), closedRoutes: gatehouse.closedRoutes() }
    },
    async discard() {
      prepared.discard()
      await Promise.all([certificates?.close(), logs && closeLogs(logs)])
    },
  }
}

function followCertificates(whole: Whole): void {
  const store = whole.parts.certificates
  void store?.watch(
    () => takeUp(store, whole),
    (error) => certificateTrouble(error, whole),
  )
}

/** The authorities of client certificates are read here. The table must not wait for a file that is broken. */
async function takeUp(store: CertificateStore | undefined, whole: Whole): Promise<void> {
  if (store) await whole.open.setCertificates(store).catch((error) => certificateTrouble(error, whole))
}

function certificateTrouble({ message }: Error, { onTrouble }: Whole): void {
  onTrouble(`certificates cannot be taken up, those before stay: ${message}`)
}

function usedTargets({ upstreams }: Gatehouse): TargetUse[] {
  return [...upstreams.all()].flatMap((upstream) =>
    Array.from(upstream.all()).flatMap(({ name, inFlight, lastError }) =>
      inFlight > 0 || lastError !== undefined ? [{ name, inFlight, lastError }] : [],
    ),
  )
}

/** The real ports, by listener. */
export function portsOf({ listeners }: Serving): Ports {
  return Object.fromEntries(listeners.map(({ name, port }) => [name, port]))
}

/** How long clients have to use a kept connection once more before it is closed. Milliseconds. */
const oneMore = 2_000

/** Polls, because nothing tells of the end of an exchange, and at an end nobody is in a hurry. */
async function until(isSo: () => boolean, end: () => number): Promise<void> {
  while (!isSo() && Date.now() < end()) await new Promise((resolve) => setTimeout(resolve, 20))
}

function has({ inFlight }: Gatehouse, ...kinds: readonly Exchange['kind'][]): boolean {
  for (const { kind } of inFlight) if (kinds.includes(kind)) return true
  return false
}

/** Milliseconds for the last bytes of the last answers. */
const lastBytes = 250

/** An exchange is logged when both of its ends have closed, which is a little after we closed them. */
async function logged({ inFlight }: Gatehouse): Promise<void> {
  for (let i = 0; i < 25 && inFlight.size > 0; i++) await new Promise((resolve) => setTimeout(resolve, 10))
}

function openLogs(config: LoadedConfig, env: NodeJS.ProcessEnv): Logs {
  // First what may fail.
  const traceLog = openTraceLog(config, env, version)
  return { accessLogs: openAccessLogs({ default: config.accessLog, folder: config.folder }), traceLog }
}

async function closeLogs({ accessLogs, traceLog }: Logs): Promise<void> {
  await Promise.all([accessLogs.close(), traceLog?.close()])
}

function whatIsLogged({ accessLog, tracing }: LoadedConfig): unknown {
  return { accessLog, tracing }
}
