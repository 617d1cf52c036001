import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { describe, test } from 'node:test'
import { listenForScrapes } from '../../services/shared/metrics-listener.ts'
import { fillIn, readDashboardQueries } from '../alerts/dashboards.ts'
import { startPrometheus } from '../alerts/prometheus.ts'
import { eventually } from '../harness/eventually.ts'
import { freePort } from '../harness/free-port.ts'
import { connectHttp2 } from '../harness/http2.ts'
import { needs, pathOf } from '../harness/parts.ts'
import { startProxy } from '../harness/proxy.ts'
import { rawRequest } from '../harness/raw-request.ts'
import { request } from '../harness/request.ts'
import { metricsOf, startFleet } from './fleet.ts'
import { planted, useFleet } from './fleet-traffic.ts'
import { startScene } from './visits/scene.ts'

test('each service tells how it is, in a form that Prometheus takes, and goes on to when its database is away', {
  ...needs('postgresql', 'prometheus', 'promtool'),
  timeout: 120_000,
}, async (t) => {
  const fleet = await startFleet(t)
  await useFleet(fleet)
  const scrape = async (url: string) => {
    const { status, text } = await request(url, { timeout: 20_000 })
    assert.equal(status, 200)
    return text
  }
  const expected: Record<string, readonly RegExp[]> = {
    visits: [
      /^visits_counts_total\{result="kept"\} 1$/m,
      /^visits_logins_total\{result="wrong"\} 1$/m,
      /^visits_store_up 1$/m,
      /^http_request_duration_seconds_count\{method="GET",route="\/flask\/api\/count",code="200"\} 1$/m,
    ],
    photos: [
      /^photos_uploads_total\{result="taken"\} 1$/m,
      /^photos_uploads_total\{result="refused"\} 1$/m,
      /^photos_jobs\{state="done"\} 1$/m,
      /^photos_oldest_waiting_seconds 0$/m,
      /^photos_restorations_total\{engine="local",outcome="done"\} 1$/m,
      /^photos_step_duration_seconds_count\{step="save"\} 1$/m,
      /^http_request_duration_seconds_count\{method="POST",route="\/api\/v1\/restore\/",code="400"\} 1$/m,
    ],
    camera: [
      /^camera_chunks_total\{result="stored"\} 1$/m,
      /^camera_chunks_total\{result="repeated"\} 1$/m,
      /^camera_chunks_total\{result="refused"\} 1$/m,
      /^camera_chunk_bytes_total 16384$/m,
      /^camera_recordings\{state="receiving"\} 1$/m,
      /^camera_quality_checks_total\{engine="local",outcome="(poor|acceptable|good)"\} 1$/m,
      /^camera_quality_checks_total\{engine="local",outcome="refused"\} 1$/m,
      /^camera_engine_up 1$/m,
    ],
    hikvision: [
      /^hikvision_events_received_total \d+$/m,
      /^hikvision_events_stored_total\{kind="access"\} 1$/m,
      /^hikvision_spool_events 0$/m,
      /^hikvision_devices_heard 1$/m,
    ],
    desktops: [
      /^desktops_places_free 49$/m,
      /^desktops_desktops\{state="starting",host="none"\} 1$/m,
      /^desktops_failures_total\{reason="no_host"\} [1-9]/m,
      /^desktops_docker_host_up\{host="[a-z]+"\} 0$/m,
    ],
  }
  for (const { name, metrics } of fleet.services) {
    const text = await eventually(
      async () => {
        const found = await scrape(metrics)
        for (const each of [...(expected[name] ?? []), /^database_up 1$/m, /^process_cpu_seconds_total/m])
          assert.match(found, each)
        return found
      },
      { timeout: 30_000, every: 200 },
    )
    for (const word of planted) assert.ok(!text.includes(word), `${name} shows ${word}`)
    const { stdout, stderr } = spawnSync(pathOf('promtool'), ['check', 'metrics'], {
      input: text,
      encoding: 'utf8',
    })
    // prom-client calls three gauges of the runtime `…_total`.
    const complaints = `${stdout}${stderr}`.split('\n').filter((line) => !/^(nodejs_active_.*|)$/.test(line))
    assert.deepEqual(complaints, [], name)
  }

  const prometheus = await startPrometheus(t, { services: metricsOf(fleet) })
  const queries = readDashboardQueries().filter(({ dashboard }) => dashboard === 'services.json')
  assert.ok(queries.length > 30)
  await eventually(
    async () => {
      const found = await Promise.all(queries.map(({ query }) => prometheus.query(fillIn(query))))
      const lacking = queries.filter((_, index) => found[index]?.length === 0)
      assert.deepEqual(lacking, [])
      return true
    },
    { timeout: 30_000, every: 300 },
  )

  await fleet.postgres.stop()
  await eventually(
    async () => {
      for (const { metrics } of fleet.services) assert.match(await scrape(metrics), /^database_up 0$/m)
      return true
    },
    { timeout: 60_000, every: 200 },
  )
})

describe('who is outside', () => {
  const secret = /process_cpu|visits_|http_request_duration/
  const paths = [
    '/metrics',
    '/flask/metrics',
    '/flask/../metrics',
    '/flask/..%2fmetrics',
    '/flask/%2e%2e/metrics',
    '/flask//metrics',
    '/flask/./metrics',
    '/flask/;/../metrics',
    '/flask\\..\\metrics',
    '/flask/auth/login/metrics',
    '/FLASK/METRICS',
    '/open/../metrics',
    '/desktop/x-y/metrics',
  ]

  test('gets nothing of the metrics by the public host, however the path is written', {
    timeout: 120_000,
  }, async (t) => {
    const port = await freePort()
    const scene = await startScene(t, { METRICS_PORT: String(port) })
    assert.match((await request(`http://127.0.0.1:${port}/metrics`)).text, secret)
    for (const path of paths) {
      for (const headers of [{}, { host: `127.0.0.1:${port}` }, { host: 'visits' }] as Record<
        string,
        string
      >[]) {
        const { status, text } = await scene.ask('/', { target: path, headers })
        assert.doesNotMatch(text, secret, `${path} is answered with ${status}`)
      }
      const reply = await scene.askHttp2(path).catch(() => undefined)
      assert.doesNotMatch(reply?.text ?? '', secret, path)
    }
    const absolute = `GET http://127.0.0.1:${port}/metrics HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\n\r\n`
    const raw = await rawRequest(scene.port, absolute, { tls: true, idle: 300, timeout: 10_000 })
    assert.doesNotMatch(raw.text, secret)
  })

  test('gets nothing where a target was made to point at them, over HTTP/1.1, HTTP/2 and by an upgrade', async (t) => {
    const { url, close } = await listenForScrapes('127.0.0.1', 0)
    t.after(close)
    assert.match((await request(url)).text, secret)
    const proxy = await startProxy(
      t,
      `
  listeners: { http: { port: 0, address: 127.0.0.1 }, https: { port: 0, address: 127.0.0.1 } }
  upstreams:
    visits: { targets: ["${new URL(url).origin}"] }
  routes:
    - { name: all, listeners: [http, https], to: visits }
  `,
    )
    const own: Record<string, string>[] = [{}, { 'x-forwarded-for': '' }, { connection: 'x-forwarded-for' }]
    const upgrade = { connection: 'Upgrade', upgrade: 'websocket', 'sec-websocket-version': '13' }
    for (const headers of [...own, { ...upgrade, 'sec-websocket-key': 'AAAAAAAAAAAAAAAAAAAAAA==' }])
      for (const listener of ['http', 'https']) {
        const { text } = await request(`${proxy.url(listener)}/metrics`, { headers })
        assert.doesNotMatch(text, secret, JSON.stringify(headers))
      }
    const http2 = await connectHttp2(t, proxy.port('https'))
    assert.deepEqual((await http2.request('/metrics')).status, 404)
  })
})
