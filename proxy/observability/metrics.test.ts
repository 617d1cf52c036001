import assert from 'node:assert/strict'
import { execFile, spawnSync } from 'node:child_process'
import { test } from 'node:test'
import { promisify } from 'node:util'
import { sampleRecord } from '../../test/harness/sample-record.ts'
import {
  forgetRoutes,
  keepCounts,
  type MetricsJson,
  metricsJson,
  recordClientError,
  recordDecision,
  recordDroppedLines,
  recordExchange,
  recordHeartbeat,
  recordOverload,
  recordReload,
  recordRetry,
  renderMetrics,
  setLeaseSource,
  setMetricSources,
  startProcessMetrics,
} from './metrics.ts'

startProcessMetrics('0.1.0')
setMetricSources({
  openConnections: () => [{ entrypoint: 'https', protocol: 'websocket', count: 3 }],
  exchangesInFlight: () => [{ protocol: 'http', count: 2 }],
  eventLoopDelay: () => 3,
  servers: () => [{ service: 'photos', url: 'http://127.0.0.1:3000', up: true }],
  certificates: () => [
    { cn: 'localhost', sans: 'localhost,*.localhost', serial: '01', notAfter: 1_800_000_000_000 },
  ],
})
recordExchange(sampleRecord())
recordDecision('photos-api', 'allow', 'deny', 'address_denied')
recordRetry('photos')
recordHeartbeat('photos', 'registered')
setLeaseSource(() => [{ service: 'photos', url: 'http://127.0.0.1:3000', expiresAt: 1_800_000_000_000 }])
recordOverload('delay')
recordClientError('https', 'HPE_HEADER_OVERFLOW')
recordReload('success', 'c0ffee')
recordDroppedLines(2)

const exchangeLabels = {
  entrypoint: 'code entrypoint method protocol',
  router: 'code method protocol router service',
  service: 'code method protocol service',
}
const table: Record<string, [type: string, labels: string]> = {
  ...Object.fromEntries(
    Object.entries(exchangeLabels).flatMap(([family, labels]): [string, [string, string]][] => [
      [`gatehouse_${family}_requests_total`, ['counter', labels]],
      [`gatehouse_${family}_request_duration_seconds`, ['histogram', labels]],
      [`gatehouse_${family}_requests_bytes_total`, ['counter', labels]],
      [`gatehouse_${family}_responses_bytes_total`, ['counter', labels]],
    ]),
  ),
  gatehouse_service_retries_total: ['counter', 'service'],
  gatehouse_service_server_up: ['gauge', 'service url'],
  gatehouse_upstream_heartbeats_total: ['counter', 'result service'],
  gatehouse_upstream_lease_expiry_timestamp_seconds: ['gauge', 'service url'],
  gatehouse_upstream_leases: ['gauge', 'service'],
  gatehouse_open_connections: ['gauge', 'entrypoint protocol'],
  gatehouse_exchanges_in_flight: ['gauge', 'protocol'],
  gatehouse_event_loop_delay_seconds: ['gauge', ''],
  gatehouse_overload_refusals_total: ['counter', 'reason'],
  gatehouse_policy_decisions_total: ['counter', 'decision policy reason router'],
  gatehouse_client_errors_total: ['counter', 'code entrypoint'],
  gatehouse_access_log_dropped_lines_total: ['counter', ''],
  gatehouse_access_log_failures_total: ['counter', ''],
  gatehouse_workers_ready: ['gauge', ''],
  gatehouse_workers_wanted: ['gauge', ''],
  gatehouse_worker_ends_total: ['counter', ''],
  gatehouse_clock_timestamp_seconds: ['gauge', ''],
  gatehouse_config_reloads_total: ['counter', 'result'],
  gatehouse_config_last_reload_successful: ['gauge', ''],
  gatehouse_config_last_reload_success_timestamp_seconds: ['gauge', ''],
  gatehouse_config_info: ['gauge', 'sha256'],
  gatehouse_tls_cert_not_after_timestamp_seconds: ['gauge', 'cn sans serial'],
  gatehouse_tls_orders_total: ['counter', ''],
  gatehouse_trace_spans_total: ['counter', ''],
  gatehouse_tls_asks_total: ['counter', ''],
  gatehouse_redis_up: ['gauge', ''],
  gatehouse_fleet_proxies: ['gauge', ''],
  gatehouse_limit_counts_total: ['counter', ''],
  gatehouse_build_info: ['gauge', 'node version'],
}

test('every metric has the name, type and labels of the table, and there is no other', async () => {
  const ours = (await metricsJson()).filter(({ name }) => name.startsWith('gatehouse_'))
  const found = ours.map(({ name, type, values }) => {
    const labels = new Set(values.flatMap((value) => Object.keys(value.labels)))
    labels.delete('le')
    return [name, [String(type), [...labels].sort().join(' ')]]
  })
  assert.deepEqual(Object.fromEntries(found), table)
})

test('durations have the buckets of the table', async () => {
  const text = await renderMetrics([await metricsJson()])
  const limits = [...text.matchAll(/^gatehouse_router_request_duration_seconds_bucket\{le="([^"]+)"/gm)]
  assert.deepEqual(
    limits.map((found) => found[1]),
    ['0.005', '0.01', '0.025', '0.05', '0.1', '0.3', '0.5', '1.2', '2.5', '5', '10', '+Inf'],
  )
})

test('the text says what was counted', async () => {
  const text = await renderMetrics([await metricsJson()])
  for (const line of [
    'gatehouse_entrypoint_requests_total{code="200",method="GET",protocol="http",entrypoint="https"} 1',
    'gatehouse_router_responses_bytes_total{code="200",method="GET",protocol="http",router="photos-api",service="photos"} 256',
    'gatehouse_service_requests_bytes_total{code="200",method="GET",protocol="http",service="photos"} 10',
    'gatehouse_policy_decisions_total{router="photos-api",policy="allow",decision="deny",reason="address_denied"} 1',
    'gatehouse_service_retries_total{service="photos"} 1',
    'gatehouse_open_connections{entrypoint="https",protocol="websocket"} 3',
    'gatehouse_client_errors_total{entrypoint="https",code="HPE_HEADER_OVERFLOW"} 1',
    'gatehouse_config_info{sha256="c0ffee"} 1',
    'gatehouse_tls_cert_not_after_timestamp_seconds{cn="localhost",sans="localhost,*.localhost",serial="01"} 1800000000',
    'gatehouse_access_log_dropped_lines_total 2',
  ])
    assert.ok(text.split('\n').includes(line), `${line} is missing`)
  assert.match(text, /^process_cpu_seconds_total \d/m)
  assert.match(text, /^nodejs_eventloop_lag_p99_seconds /m)
})

test('promtool finds nothing to complain of', async (t) => {
  const text = await renderMetrics([await metricsJson()])
  const tool = 'promtool'
  const checked = spawnSync(tool, ['check', 'metrics'], { input: text, encoding: 'utf8' })
  if (checked.error) return t.skip('there is no promtool on this machine (Debian package prometheus)')
  assert.equal(`${checked.stdout}${checked.stderr}`.trim(), '')
  assert.equal(checked.status, 0)
})

test('what clients do wrong counts by the code of Node or of the catalogue', async () => {
  const codes = ['HPE_INVALID_METHOD', 'ERR_SSL_WRONG_VERSION_NUMBER', 'H2_RAPID_RESET', 'PROXY_UNTRUSTED']
  for (const code of [...codes, 'TOO_MANY_CONNECTIONS', 'headers_too_large']) {
    recordClientError('https', code)
    const text = await renderMetrics([await metricsJson()])
    assert.ok(text.includes(`gatehouse_client_errors_total{entrypoint="https",code="${code}"} 1`), code)
  }
})

test('an error that has no such code counts as OTHER', async () => {
  recordClientError('devices', '"} 1\nforged')
  recordClientError('devices', undefined)
  const text = await renderMetrics([await metricsJson()])
  assert.ok(text.includes('gatehouse_client_errors_total{entrypoint="devices",code="OTHER"} 2'))
  assert.ok(!text.includes('forged'))
})

test('a failed reload shows, and the configuration that runs stays named', async () => {
  recordReload('failure')
  const text = await renderMetrics([await metricsJson()])
  recordReload('success', 'c0ffee')
  assert.match(text, /^gatehouse_config_last_reload_successful 0$/m)
  assert.match(text, /^gatehouse_config_reloads_total\{result="failure"\} 1$/m)
  assert.match(text, /^gatehouse_config_info\{sha256="c0ffee"\} 1$/m)
})

test('two workers: what each counted is added up, and what all know is told once', async () => {
  const both = await Promise.all([worker(2, 'ok'), worker(3, 'ok')])
  const text = await renderMetrics(both)
  for (const line of [
    'gatehouse_entrypoint_requests_total{code="200",method="GET",protocol="http",entrypoint="https"} 5',
    'gatehouse_router_request_duration_seconds_bucket{le="0.025",code="200",method="GET",protocol="http",router="r",service="_none"} 5',
    'gatehouse_router_request_duration_seconds_count{code="200",method="GET",protocol="http",router="r",service="_none"} 5',
    'gatehouse_config_reloads_total{result="success"} 1',
    'gatehouse_config_last_reload_successful 1',
    `gatehouse_build_info{version="1",node="${process.version.slice(1)}"} 1`,
  ])
    assert.ok(text.split('\n').includes(line), `${line} is missing`)
  assert.ok(!/\b(Nan|null|undefined)\b/.test(text))
})

test('one worker that failed to reload is enough to say so', async () => {
  const text = await renderMetrics(await Promise.all([worker(1, 'ok'), worker(1, 'failed')]))
  assert.match(text, /^gatehouse_config_last_reload_successful 0$/m)
})

test('a worker that has ended takes its gauges along and leaves its counters', async () => {
  const [first, second] = await Promise.all([worker(2, 'ok'), worker(3, 'ok')])
  const kept = await keepCounts([first])
  const names = new Set(kept.map(({ name }) => name))
  assert.ok(names.has('gatehouse_router_request_duration_seconds'))
  for (const gauge of [
    'gatehouse_build_info',
    'process_resident_memory_bytes',
    'gatehouse_config_reloads_total',
  ])
    assert.ok(!names.has(gauge), `${gauge} is not added up`)
  const text = await renderMetrics([JSON.parse(JSON.stringify(kept)), second])
  assert.match(text, /^gatehouse_entrypoint_requests_total\{[^}]+\} 5$/m)
})

test('routes that a reload removed end in every family', async () => {
  recordExchange(sampleRecord({ route: 'old', service: 'gone' }))
  recordDecision('old', 'jwt', 'allow', 'pass')
  recordRetry('gone')
  forgetRoutes(new Set(['photos-api']), new Set(['photos']))
  const text = await renderMetrics([await metricsJson()])
  assert.ok(!/(router|service)="(old|gone)"/.test(text))
  assert.ok(text.includes('router="photos-api",policy="allow"'))
  assert.match(text, /^gatehouse_entrypoint_requests_total\{[^}]+\} 2$/m)
})

/** What another process counted, after it came through a pipe. */
async function worker(exchanges: number, reload: 'ok' | 'failed'): Promise<MetricsJson> {
  const at = (file: string) => JSON.stringify(new URL(file, import.meta.url).href)
  const script = `
    import * as metrics from ${at('./metrics.ts')}
    import { sampleRecord } from ${at('../../test/harness/sample-record.ts')}
    metrics.startProcessMetrics('1')
    for (let i = 0; i < ${exchanges}; i++) metrics.recordExchange(sampleRecord({ route: 'r', service: undefined }))
    metrics.recordReload('success', 'c0ffee')
    if (${reload === 'failed'}) metrics.recordReload('failure')
    process.stdout.write(JSON.stringify(await metrics.metricsJson()))`
  const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '-e', script])
  return JSON.parse(stdout) as MetricsJson
}
