import { AggregatorRegistry, collectDefaultMetrics, type Metric, Registry } from 'prom-client'
import { type ErrorCode, errors } from '../errors.ts'
import { type Counter, createCounters } from './counters.ts'
import { type Family, histogramSamples, type Sample, type Sum, sumUp } from './exchange-families.ts'
import type { ExchangeRecord } from './exchange-record.ts'
import { createExchangeTally } from './exchange-tally.ts'
import { type RouteTotals, totalsByRoute } from './route-totals.ts'

/**
 * Every metric, declared once, with the name `gatehouse_…`. A label is a name of the configuration or a word of
 * a closed list, never something that a client sent.
 *
 * Counting is separate from telling. An exchange adds to one tally, about 80 ns; the same exchange told to twelve
 * prom-client children (four metrics, three families) took 6.6 µs on Node 24, more than its policies.
 */

/** The metrics of one process, as plain data that can be sent to another. */
export type MetricsJson = Awaited<ReturnType<Registry['getMetricsAsJSON']>>

/** What is so at this moment, asked for when somebody reads the metrics. */
export interface MetricSources {
  openConnections(): Iterable<{ entrypoint: string; protocol: 'http' | 'websocket' | 'sse'; count: number }>
  exchangesInFlight(): Iterable<{ protocol: 'http' | 'websocket' | 'sse'; count: number }>
  /** Milliseconds. */
  eventLoopDelay(): number
  servers(): Iterable<{ service: string; url: string; up: boolean }>
  /** `notAfter`: Unix time in milliseconds. `sans`: comma-separated. */
  certificates(): Iterable<{ cn: string; sans: string; serial: string; notAfter: number }>
}

export type PolicyDecision = 'allow' | 'deny' | 'observe'

export function recordExchange(record: ExchangeRecord): void {
  exchanges.record(record)
}

/** One answer of one policy. `observe`: it would have refused. */
export function recordDecision(
  router: string,
  policy: string,
  decision: PolicyDecision,
  reason: ErrorCode | 'pass' | 'answer',
): void {
  decisions.add(router, policy, decision, reason)
}

/** Where passes of one policy are counted: nearly every request passes, and adds one to each of its route. */
export function passesOf(router: string, policy: string): Counter {
  return decisions.counter(router, policy, 'allow', 'pass')
}

export function recordRetry(service: string): void {
  retries.add(service)
}

/** A service announced itself, said that it lives, or left. `service`: an upstream of the configuration. */
export function recordHeartbeat(
  service: string,
  result: 'registered' | 'changed' | 'renewed' | 'left' | 'refused',
  count = 1,
): void {
  heartbeats.addMany(count, service, result)
}

/** Asked when somebody reads the metrics of the process that holds the leases. */
export function setLeaseSource(given: () => Iterable<LeaseSample>): void {
  leaseSource = given
}

/** The leases of a keyed upstream have no url: there are thousands, made and ended at any time. */
export interface LeaseSample {
  readonly service: string
  readonly url?: string
  /** Unix ms. Undefined: another proxy knows. */
  readonly expiresAt?: number
}

/** Of the process that speaks to Redis, if there is one. */
export function setFleetSource(given: () => FleetSample): void {
  fleetSource = given
}

export interface FleetSample {
  readonly there: boolean
  /** Other proxies. */
  readonly others: number
  readonly counts: Readonly<Record<string, number>>
}

/** An exchange was refused because there is too much of this. */
export function recordOverload(reason: 'exchanges' | 'tunnels' | 'delay'): void {
  overloads.add(reason)
}

/**
 * What was refused before there was a request. `code`: of Node's error, such as `HPE_HEADER_OVERFLOW`, or ours, such as
 * `TOO_MANY_CONNECTIONS`.
 */
export function recordClientError(entrypoint: string, code: string | undefined): void {
  clientErrors.add(entrypoint, clientErrorCode(code))
}

export function recordDroppedLines(lines: number): void {
  droppedLines += lines
}

/** Spans for a collector. `refused`: by it; `dropped`: because it was away and the queue was full. */
export function recordSpans(result: 'exported' | 'refused' | 'dropped', count: number): void {
  if (count > 0) spans.addMany(count, result)
}

/** An access log could not be written; its lines wait for the next attempt. */
export function recordLogFailure(): void {
  logFailures += 1
}

/** A worker ended whom nobody had asked to. */
export function recordWorkerEnd(): void {
  workerEnds += 1
}

/** Of the process that has workers. */
export function setWorkerSource(given: () => { readonly ready: number; readonly wanted: number }): void {
  workerSource = given
}

/** Of a certificate, with an authority. */
export function recordOrder(result: 'success' | 'failure'): void {
  certificateOrders.add(result)
}

/** Somebody was asked whether a host may have a certificate; `failed`: there was no answer. */
export function recordCertificateAsk(result: 'allowed' | 'denied' | 'failed'): void {
  certificateAsks.add(result)
}

/** `sha256`: of the configuration that is running now. */
export function recordReload(result: 'success' | 'failure', sha256?: string): void {
  reloads.add(result)
  lastReload.successful = result === 'success' ? 1 : 0
  if (result === 'failure') return
  lastReload.succeededAt = Date.now() / 1000
  if (sha256 !== undefined) lastReload.sha256 = sha256
}

export function setMetricSources(given: MetricSources): void {
  sources = given
}

/**
 * After a reload: the series of routes and services that are in neither set end. What they counted stays in the
 * totals of the entrypoints.
 */
export function forgetRoutes(routes: ReadonlySet<string>, services: ReadonlySet<string>): void {
  exchanges.forget(routes, services)
  decisions.keep((router) => routes.has(router))
  retries.keep((service) => services.has(service))
  heartbeats.keep((service) => services.has(service))
}

/** Starts `process_*` and `nodejs_*`, and says which version runs. Only the first call counts. */
export function startProcessMetrics(version: string): void {
  if (build.version !== undefined) return
  build.version = version
  collectDefaultMetrics({ register: registry })
  // Walks every socket on each read, and says what `nodejs_active_resources` says.
  for (const name of ['nodejs_active_handles', 'nodejs_active_requests']) registry.removeSingleMetric(name)
  // Gauges called `_total`, which a reader would take for counters.
  for (const name of ['handles', 'requests', 'resources'])
    registry.removeSingleMetric(`nodejs_active_${name}_total`)
}

/** What this process has counted. */
export async function metricsJson(): Promise<MetricsJson> {
  for (const family of Object.keys(parts) as Family[]) summed[family] = sumUp(exchanges.cells(), family)
  const metrics = await registry.getMetricsAsJSON()
  return metrics.map((metric) => ({
    ...metric,
    aggregator: processAggregators[metric.name] ?? metric.aggregator,
    // NaN (the lag of an idle loop) would arrive as null in another process, and count as 0.
    values: metric.values.filter(({ value }) => Number.isFinite(value)),
  }))
}

/** What this process has counted of each route: for who looks every second, and wants no more than that. */
export function routeTotals(): RouteTotals[] {
  return totalsByRoute(exchanges.cells())
}

/** What policies said since the start, all processes together. */
export function policyCounts(all: readonly MetricsJson[]): PolicyCount[] {
  const counts = new Map<string, { -readonly [Key in keyof PolicyCount]: PolicyCount[Key] }>()
  for (const metric of all.flat()) {
    if (metric.name !== policyDecisions) continue
    for (const { labels, value } of metric.values) {
      const [route, policy] = [String(labels.router), String(labels.policy)]
      const key = `${route}\n${policy}`
      const count = counts.get(key) ?? { route, policy, allowed: 0, denied: 0, wouldDeny: 0 }
      if (labels.decision === 'allow') count.allowed += value
      else if (labels.decision === 'deny') count.denied += value
      else count.wouldDeny += value
      counts.set(key, count)
    }
  }
  return [...counts.values()]
}

export interface PolicyCount {
  readonly route: string
  readonly policy: string
  readonly allowed: number
  readonly denied: number
  /** In observe mode: what it would have refused. */
  readonly wouldDeny: number
}

/** The text for Prometheus: all processes together. */
export async function renderMetrics(all: readonly MetricsJson[]): Promise<string> {
  return AggregatorRegistry.aggregate([...all]).metrics()
}

/**
 * What must be kept of processes that have ended, as one more part of the sum: their counters. Without them the
 * totals would fall whenever a worker is replaced, and Prometheus would take the rest for new requests.
 */
export async function keepCounts(ended: readonly MetricsJson[]): Promise<MetricsJson> {
  const sum: MetricsJson = await AggregatorRegistry.aggregate([...ended]).getMetricsAsJSON()
  return sum.filter(({ type, aggregator }) => isCounting(type) && aggregator === 'sum')
}

export const metricsContentType: string = Registry.PROMETHEUS_CONTENT_TYPE

// --- what is counted ---

const registry = new Registry()
const exchanges = createExchangeTally()
const decisions = createCounters('router', 'policy', 'decision', 'reason')
const policyDecisions = 'gatehouse_policy_decisions_total'
const retries = createCounters('service')
const clientErrors = createCounters('entrypoint', 'code')
const overloads = createCounters('reason')
const reloads = createCounters('result')
const certificateOrders = createCounters('result')
const spans = createCounters('result')
const certificateAsks = createCounters('result')
const heartbeats = createCounters('service', 'result')
let leaseSource: (() => Iterable<LeaseSample>) | undefined
let fleetSource: (() => FleetSample) | undefined
let workerSource: (() => { readonly ready: number; readonly wanted: number }) | undefined
let droppedLines = 0
let logFailures = 0
let workerEnds = 0
const lastReload: { successful?: number; succeededAt?: number; sha256?: string } = {}
const build: { version?: string } = {}
let sources: MetricSources | undefined

// --- what is told ---

const parts = { entrypoint: 'listener', router: 'route', service: 'upstream' } as const satisfies Record<
  Family,
  string
>

/** Worked out once per reading, for the four metrics of each family. */
const summed: Record<Family, Sum[]> = { entrypoint: [], router: [], service: [] }

for (const family of Object.keys(parts) as Family[]) {
  const prefix = `gatehouse_${family}`
  const per = `, by ${parts[family]}.`
  const sums = () => summed[family]
  counter(`${prefix}_requests_total`, `Exchanges that have ended${per}`, () =>
    sums().map(({ labels, counts }) => ({ labels, value: counts.requests })),
  )
  const duration = `${prefix}_request_duration_seconds`
  const durationHelp = `From the request head to the end of the response${per} No tunnels, no event streams.`
  declare('histogram', duration, durationHelp, () => histogramSamples(duration, sums()))
  counter(`${prefix}_requests_bytes_total`, `Bytes of request bodies${per}`, () =>
    sums().map(({ labels, counts }) => ({ labels, value: counts.received })),
  )
  counter(`${prefix}_responses_bytes_total`, `Bytes of response bodies${per}`, () =>
    sums().map(({ labels, counts }) => ({ labels, value: counts.sent })),
  )
}

counter('gatehouse_service_retries_total', 'Exchanges tried again on another target.', () =>
  retries.samples(),
)
gauge('gatehouse_service_server_up', 'Whether a target may be picked.', 'min', () =>
  Array.from(sources?.servers() ?? [], ({ service, url, up }) => ({
    labels: { service, url },
    value: up ? 1 : 0,
  })),
)
counter('gatehouse_upstream_heartbeats_total', 'Announcements of services, by what became of them.', () =>
  heartbeats.samples(),
)
gauge(
  'gatehouse_upstream_lease_expiry_timestamp_seconds',
  'When the lease of a target ends unless it is renewed. Of keyed upstreams: the first of all to end.',
  'max',
  () => expiries(leaseSource?.() ?? []),
)
gauge('gatehouse_upstream_leases', 'Targets that are announced.', 'sum', () =>
  leaseCounts(leaseSource?.() ?? []),
)
gauge('gatehouse_redis_up', 'Whether Redis answers.', 'min', () =>
  single(fleetSource && (fleetSource().there ? 1 : 0)),
)
gauge(
  'gatehouse_fleet_proxies',
  'Proxies of the fleet that this one heard of late, itself included.',
  'max',
  () => single(fleetSource && fleetSource().others + 1),
)
counter(
  'gatehouse_limit_counts_total',
  'Counts of rate limits in a fleet, by where: `redis`; `here`, because it is away; `known` to be past the limit.',
  () => Object.entries(fleetSource?.().counts ?? {}).map(([by, value]) => ({ labels: { by }, value })),
)
gauge('gatehouse_open_connections', 'Connections of clients that are open.', 'sum', () =>
  Array.from(sources?.openConnections() ?? [], ({ entrypoint, protocol, count }) => ({
    labels: { entrypoint, protocol },
    value: count,
  })),
)
gauge('gatehouse_exchanges_in_flight', 'Exchanges under way.', 'sum', () =>
  Array.from(sources?.exchangesInFlight() ?? [], ({ protocol, count }) => ({
    labels: { protocol },
    value: count,
  })),
)
gauge(
  'gatehouse_event_loop_delay_seconds',
  'By how much the event loop of the latest worker was late a moment ago.',
  'max',
  () => single(sources && sources.eventLoopDelay() / 1000),
)
counter('gatehouse_overload_refusals_total', 'Exchanges refused because there was too much.', () =>
  overloads.samples(),
)
counter(policyDecisions, 'Answers of policies.', () => decisions.samples())
counter('gatehouse_client_errors_total', 'What a parser refused before there was a request.', () =>
  clientErrors.samples(),
)
counter('gatehouse_access_log_dropped_lines_total', 'Lines that could not be written.', () =>
  single(droppedLines),
)
counter(
  'gatehouse_access_log_failures_total',
  'Attempts to write an access log that failed. Its lines wait, and are lost only when they are too many.',
  () => single(logFailures),
)
gauge('gatehouse_workers_ready', 'Workers that serve.', 'max', () => single(workerSource?.().ready))
gauge('gatehouse_workers_wanted', 'Workers that there shall be.', 'max', () =>
  single(workerSource?.().wanted),
)
counter('gatehouse_worker_ends_total', 'Workers that ended although nobody had asked them to.', () =>
  single(workerEnds),
)
gauge(
  'gatehouse_clock_timestamp_seconds',
  'What time this machine has, to be held against that of others.',
  'max',
  () => single(Date.now() / 1000),
)

counter(
  'gatehouse_trace_spans_total',
  'Spans for a collector: `exported`; `refused` by it; `dropped`, because it was away and the queue was full.',
  () => spans.samples(),
)

// Every process reads the same file: its reloads are not added up.
declare(
  'counter',
  'gatehouse_config_reloads_total',
  'Reloads of routes.yaml.',
  () => reloads.samples(),
  'max',
)
gauge('gatehouse_config_last_reload_successful', 'Whether the last reload took effect.', 'min', () =>
  single(lastReload.successful),
)
gauge(
  'gatehouse_config_last_reload_success_timestamp_seconds',
  'When a reload last took effect.',
  'max',
  () => single(lastReload.succeededAt),
)
gauge('gatehouse_config_info', 'The configuration that runs.', 'max', () =>
  lastReload.sha256 === undefined ? [] : [{ labels: { sha256: lastReload.sha256 }, value: 1 }],
)
gauge('gatehouse_tls_cert_not_after_timestamp_seconds', 'When a certificate ends.', 'max', () =>
  Array.from(sources?.certificates() ?? [], ({ cn, sans, serial, notAfter }) => ({
    labels: { cn, sans, serial },
    value: notAfter / 1000,
  })),
)
counter('gatehouse_tls_orders_total', 'Certificates that were ordered by ACME.', () =>
  certificateOrders.samples(),
)
counter(
  'gatehouse_tls_asks_total',
  'Hosts that `onDemand.ask` was asked about, before an order or a renewal.',
  () => certificateAsks.samples(),
)
gauge('gatehouse_build_info', 'The version that runs.', 'max', () =>
  build.version === undefined
    ? []
    : [{ labels: { version: build.version, node: process.version.slice(1) }, value: 1 }],
)

/** How prom-client would add up what must not be added up, and leave out what is wanted. */
const processAggregators: Readonly<Record<string, MetricsJson[number]['aggregator']>> = {
  nodejs_eventloop_lag_seconds: 'max',
  process_max_fds: 'min',
  process_start_time_seconds: 'min',
}

function counter(name: string, help: string, samples: () => Iterable<Sample>): void {
  declare('counter', name, help, samples)
}

function gauge(
  name: string,
  help: string,
  aggregator: MetricsJson[number]['aggregator'],
  samples: () => Iterable<Sample>,
): void {
  declare('gauge', name, help, samples, aggregator)
}

/** `aggregator`: how the values of several processes become one. */
function declare(
  type: 'counter' | 'gauge' | 'histogram',
  name: string,
  help: string,
  samples: () => Iterable<Sample>,
  aggregator: MetricsJson[number]['aggregator'] = 'sum',
): void {
  const metric = {
    name,
    help,
    type,
    aggregator,
    get: () => ({ name, help, type, aggregator, values: [...samples()] }),
  }
  // A registry asks a metric for nothing but its name and `get()`; the type wants the whole class.
  registry.registerMetric(metric as unknown as Metric)
}

function expiries(leases: Iterable<LeaseSample>): Sample[] {
  const first = new Map<string, { service: string; url: string; expiresAt: number }>()
  for (const { service, url = '', expiresAt } of leases) {
    if (expiresAt === undefined) continue
    const key = `${service} ${url}`
    const before = first.get(key)
    if (before === undefined || expiresAt < before.expiresAt) first.set(key, { service, url, expiresAt })
  }
  return Array.from(first.values(), ({ service, url, expiresAt }) => ({
    labels: { service, url },
    value: expiresAt / 1000,
  }))
}

function leaseCounts(leases: Iterable<LeaseSample>): Sample[] {
  const counts = new Map<string, number>()
  for (const { service } of leases) counts.set(service, (counts.get(service) ?? 0) + 1)
  return Array.from(counts, ([service, value]) => ({ labels: { service }, value }))
}

function single(value: number | undefined): Sample[] {
  return value === undefined ? [] : [{ labels: {}, value }]
}

/** `type` is a string in what prom-client makes and a number in its types. */
function isCounting(type: unknown): boolean {
  return type === 'counter' || type === 'histogram'
}

/** Node has about 40 such codes, we have a few, and those of the catalogue. Anything else is `OTHER`. */
function clientErrorCode(code = ''): string {
  const known = /^(HPE|ERR|E|H2|PROXY|TOO)_?[A-Z0-9_]{2,48}$/.test(code) || Object.hasOwn(errors, code)
  return known ? code : 'OTHER'
}
