import assert from 'node:assert/strict'
import { describe, type TestContext, test } from 'node:test'
import { metricsJson } from '../../proxy/observability/metrics.ts'
import { eventually } from '../harness/eventually.ts'
import { freePort } from '../harness/free-port.ts'
import { startProxy } from '../harness/proxy.ts'
import { request } from '../harness/request.ts'
import { startUpstream } from '../harness/upstream.ts'
import { openWebSocket } from '../harness/websocket.ts'
import { type CollectedSpan, startCollector } from './collector.ts'

/** What a collector of OpenTelemetry gets, and that nobody waits for one that is slow or away. */

const patient = { timeout: 20_000 }

async function counted(): Promise<Record<string, number>> {
  const metric = (await metricsJson()).find(({ name }) => name === 'gatehouse_trace_spans_total')
  const values = (metric?.values ?? []) as { labels: { result: string }; value: number }[]
  return Object.fromEntries(values.map(({ labels, value }) => [labels.result, value]))
}

async function growth(of: string, before: Record<string, number>): Promise<number> {
  return ((await counted())[of] ?? 0) - (before[of] ?? 0)
}

describe('the spans of an exchange', () => {
  test('are one for it and one for each target, with the ids that the upstream was told', async (t) => {
    const collector = await startCollector(t)
    const upstream = await startUpstream(t)
    const proxy = await startProxy(
      t,
      `
      trustedProxies: [127.0.0.1]
      tracing:
        endpoint: "${collector.endpoint}"
        headers: { X-Key: env:COLLECTOR_KEY }
        service: edge
      upstreams: { app: { targets: ["http://127.0.0.1:${await freePort()}", "${upstream.url}"] } }
      routes: [{ name: shop, match: { path: /api }, to: app }]
      `,
      { env: { COLLECTOR_KEY: 'open sesame' } },
    )
    const traceId = '4bf92f3577b34da6a3ce929d0e0e4736'
    // Of two targets one refuses; who begins is chance, and in a few exchanges both have begun.
    const refused = await eventually(async () => {
      await request(proxy.url(), {
        target: '/api/cart?token=secret&page=2',
        headers: {
          traceparent: `00-${traceId}-00f067aa0ba902b7-01`,
          tracestate: 'vendor=abc',
          'user-agent': 'shopper/1',
          host: 'shop.example:8443',
        },
      })
      return collector.spans.find((span) => span.kind === 3 && span.status?.code === 2)
    }, patient)
    const server = await spanBy(collector.spans, ({ spanId }) => spanId === refused.parentSpanId)
    const children = collector.spans.filter(({ parentSpanId }) => parentSpanId === server.spanId)
    assert.equal(children.length, 2)
    const [first, second] = children as [CollectedSpan, CollectedSpan]

    assert.partialDeepStrictEqual(server, {
      traceId,
      parentSpanId: '00f067aa0ba902b7',
      traceState: 'vendor=abc',
      name: 'GET shop',
      kind: 2,
      attributes: {
        'http.request.method': 'GET',
        'url.scheme': 'http',
        'url.path': '/api/cart',
        'url.query': 'token=REDACTED&page=2',
        'server.address': 'shop.example',
        'server.port': 8443,
        'client.address': '127.0.0.1',
        'network.protocol.version': '1.1',
        'user_agent.original': 'shopper/1',
        'http.response.status_code': 200,
        'gatehouse.route': 'shop',
        'gatehouse.upstream': 'app',
        'gatehouse.decision': 'allow',
      },
    })
    assert.equal(server.status, undefined)
    assert.equal(first.attributes['error.type'], 'upstream_refused')
    assert.partialDeepStrictEqual(second, {
      traceId,
      name: 'GET',
      attributes: {
        'url.full': upstream.url,
        'server.address': '127.0.0.1',
        'server.port': upstream.port,
        'http.response.status_code': 200,
        'http.request.resend_count': 1,
      },
    })
    const told = upstream.requests.map(({ headers }) => String(headers.traceparent))
    assert.ok(told.includes(`00-${traceId}-${second.spanId}-01`))
    const line = (await proxy.accessLog()).find(({ span_id }) => span_id === server.spanId)
    assert.equal(line?.request_id, server.attributes['gatehouse.request_id'])
    assert.ok(BigInt(server.startTimeUnixNano) <= BigInt(second.startTimeUnixNano))
    assert.ok(BigInt(second.endTimeUnixNano) <= BigInt(server.endTimeUnixNano))
    assert.ok(Math.abs(Number(BigInt(server.endTimeUnixNano) / 1_000_000n) - Date.now()) < 60_000)
    assert.partialDeepStrictEqual(collector.resource, { 'service.name': 'edge', 'process.pid': process.pid })
    assert.equal(collector.requests[0]?.headers['x-key'], 'open sesame')
  })

  test('say of a refusal by whom, and of a failure that it is one', async (t) => {
    const collector = await startCollector(t)
    const proxy = await startProxy(
      t,
      `
      tracing: { endpoint: "${collector.endpoint}" }
      routes:
        - { name: closed, match: { path: /closed }, policies: { allow: [192.0.2.1] }, to: "http://127.0.0.1:1" }
        - { name: away, match: { path: /away }, to: "http://127.0.0.1:${await freePort()}" }
      `,
    )
    for (const path of ['/closed', '/away', '/nothing']) await request(proxy.url(), { target: path })
    const closed = await spanBy(collector.spans, ({ name }) => name === 'GET closed')
    assert.partialDeepStrictEqual(closed.attributes, {
      'http.response.status_code': 403,
      'gatehouse.decision': 'deny',
      'gatehouse.deny_policy': 'allow',
    })
    assert.equal(closed.status, undefined)
    const away = await spanBy(collector.spans, ({ name }) => name === 'GET away')
    assert.deepEqual([away.status, away.attributes['error.type']], [{ code: 2 }, 'upstream_refused'])
    const nothing = await spanBy(collector.spans, ({ name, kind }) => name === 'GET' && kind === 2)
    assert.equal(nothing.attributes['gatehouse.error'], 'no_route')
  })

  test('are there for a tunnel when it ends', async (t) => {
    const collector = await startCollector(t)
    const upstream = await startUpstream(t, undefined, { websocket: (socket) => socket.send('hello') })
    const proxy = await startProxy(
      t,
      `
      tracing: { endpoint: "${collector.endpoint}" }
      routes: [{ name: chat, to: "${upstream.url}" }]
      `,
    )
    const client = await openWebSocket(t, proxy.url().replace('http', 'ws'))
    await client.next()
    client.socket.terminate()
    const server = await spanBy(collector.spans, ({ name }) => name === 'GET chat')
    assert.equal(server.attributes['http.response.status_code'], 101)
    const child = await spanBy(collector.spans, ({ parentSpanId }) => parentSpanId === server.spanId)
    assert.equal(upstream.requests[0]?.headers.traceparent, `00-${server.traceId}-${child.spanId}-03`)
  })

  test('are not sent for what is not sampled', async (t) => {
    const collector = await startCollector(t)
    const upstream = await startUpstream(t)
    const proxy = await startProxy(
      t,
      `
      tracing: { endpoint: "${collector.endpoint}", sample: 0 }
      routes: [{ name: app, to: "${upstream.url}" }]
      `,
    )
    for (let i = 0; i < 10; i++) await request(proxy.url())
    await proxy.stop()
    assert.deepEqual(collector.spans, [])
  })
})

describe('a collector', () => {
  async function traced(t: TestContext, endpoint: string) {
    const upstream = await startUpstream(t)
    return startProxy(
      t,
      `
      tracing: { endpoint: "${endpoint}" }
      routes: [{ name: app, to: "${upstream.url}" }]
      `,
    )
  }

  test('that is away costs no request, is told of once, and gets what waited when it comes', async (t) => {
    const port = await freePort()
    const said: string[] = []
    t.mock.method(process.stderr, 'write', (text: string) => said.push(text) > 0)
    const proxy = await traced(t, `http://127.0.0.1:${port}`)
    for (let i = 0; i < 5; i++) assert.equal((await request(proxy.url())).status, 200)
    await eventually(() => said.join('').includes('spans cannot be exported'), patient)
    const collector = await startCollector(t, { port })
    await eventually(() => collector.spans.length === 10, patient)
    await eventually(() => said.join('').includes('spans are exported again'), patient)
    assert.equal(said.join('').split('spans cannot be exported').length, 2)
  })

  test('that says nothing holds up neither requests nor the end', async (t) => {
    const collector = await startCollector(t, { answer: () => true })
    const proxy = await traced(t, collector.endpoint)
    const before = await counted()
    assert.equal((await request(proxy.url())).status, 200)
    await eventually(() => collector.requests.length > 0, patient)
    assert.equal((await request(proxy.url())).status, 200)
    const began = performance.now()
    await proxy.stop()
    assert.ok(performance.now() - began < 8_000)
    assert.equal(await growth('dropped', before), 4)
  })

  test('that has too much is asked again, and one that refuses a batch is not', async (t) => {
    const statuses = [429, 503, 400]
    const collector = await startCollector(t, {
      answer(response) {
        const status = statuses.shift()
        if (status === undefined) return false
        response.writeHead(status).end()
        return true
      },
    })
    const proxy = await traced(t, collector.endpoint)
    const before = await counted()
    await request(proxy.url())
    await eventually(() => statuses.length === 0, patient)
    await eventually(async () => (await growth('refused', before)) === 2, patient)
    await request(proxy.url())
    await eventually(() => collector.spans.length === 2, patient)
    // They count when the collector has said so.
    await eventually(async () => (await growth('exported', before)) === 2, patient)
  })
})

function spanBy(
  spans: readonly CollectedSpan[],
  fits: (span: CollectedSpan) => boolean,
): Promise<CollectedSpan> {
  return eventually(() => spans.find(fits), patient)
}
