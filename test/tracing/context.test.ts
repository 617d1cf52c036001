import assert from 'node:assert/strict'
import { describe, type TestContext, test } from 'node:test'
import { eventually } from '../harness/eventually.ts'
import { connectHttp2 } from '../harness/http2.ts'
import { startProxy } from '../harness/proxy.ts'
import { request } from '../harness/request.ts'
import { startUpstream } from '../harness/upstream.ts'
import { openWebSocket } from '../harness/websocket.ts'

/** One trace on the whole way: what an upstream is told, through each door, and what it is not told. */

const traceId = '4bf92f3577b34da6a3ce929d0e0e4736'
const parentId = '00f067aa0ba902b7'
const given = { traceparent: `00-${traceId}-${parentId}-01`, tracestate: 'vendor=abc' }

async function scene(t: TestContext, tracing: string, more = '') {
  const upstream = await startUpstream(t, undefined, { websocket: (socket) => socket.send('hello') })
  const proxy = await startProxy(
    t,
    `
    listeners: { https: { port: 0, address: 127.0.0.1 } }
    ${tracing}
    ${more}
    routes: [{ name: app, to: "${upstream.url}" }]
    `,
  )
  const doors: Record<string, (headers: Record<string, string>) => Promise<unknown>> = {
    'HTTP/1.1': (headers) => request(proxy.url(), { headers }),
    'HTTP/2': async (headers) => (await connectHttp2(t, proxy.port())).request('/', { headers }),
    'a WebSocket': async (headers) =>
      (await openWebSocket(t, `wss://127.0.0.1:${proxy.port()}/`, { headers })).socket.terminate(),
  }
  const through = async (door: string, headers: Record<string, string> = {}) => {
    await doors[door]?.(headers)
    const { traceparent = '', tracestate } = upstream.requests.at(-1)?.headers ?? {}
    return { traceparent: String(traceparent), tracestate }
  }
  return { proxy, through }
}

const doors = ['HTTP/1.1', 'HTTP/2', 'a WebSocket']

describe('without `tracing`', () => {
  for (const door of doors)
    test(`trace context passes as it came, through ${door}`, async (t) => {
      const { through } = await scene(t, '')
      assert.deepEqual(await through(door, given), given)
      assert.deepEqual(await through(door), { traceparent: '', tracestate: undefined })
    })
})

describe('with `tracing`', () => {
  for (const door of doors) {
    test(`a trace begins at the proxy, through ${door}, and the log has its id`, async (t) => {
      const { proxy, through } = await scene(t, 'tracing: {}')
      const { traceparent } = await through(door)
      const [, id, span] = /^00-([0-9a-f]{32})-([0-9a-f]{16})-03$/.exec(traceparent) ?? []
      assert.ok(id && span, traceparent)
      const line = await eventually(async () => (await proxy.accessLog()).at(-1))
      assert.equal(line.trace_id, id)
    })
    test(`the trace of a stranger ends here, through ${door}`, async (t) => {
      const { through } = await scene(t, 'tracing: { sample: 0 }')
      const { traceparent, tracestate } = await through(door, given)
      assert.match(traceparent, /^00-(?!4bf92f)[0-9a-f]{32}-[0-9a-f]{16}-02$/)
      assert.equal(tracestate, undefined)
    })
    test(`the trace of a trusted proxy goes on, through ${door}`, async (t) => {
      const { through } = await scene(t, 'tracing: { sample: 0 }', 'trustedProxies: [127.0.0.1]')
      const { traceparent, tracestate } = await through(door, given)
      assert.match(traceparent, new RegExp(`^00-${traceId}-(?!${parentId})[0-9a-f]{16}-01$`))
      assert.equal(tracestate, given.tracestate)
    })
  }

  test('everybody may be taken up by id, and still nobody can have all of theirs recorded', async (t) => {
    const { through } = await scene(t, 'tracing: { sample: 0, continue: everybody }')
    assert.match((await through('HTTP/1.1', given)).traceparent, new RegExp(`^00-${traceId}-.{16}-00$`))
  })

  test('nobody means the trusted, too', async (t) => {
    const { through } = await scene(t, 'tracing: { continue: nobody }', 'trustedProxies: [127.0.0.1]')
    assert.doesNotMatch((await through('HTTP/1.1', given)).traceparent, new RegExp(traceId))
  })

  test('a malformed one of a trusted proxy begins another trace, and its tracestate goes', async (t) => {
    const { through } = await scene(t, 'tracing: {}', 'trustedProxies: [127.0.0.1]')
    for (const traceparent of [
      `ff-${traceId}-${parentId}-01`,
      given.traceparent.toUpperCase(),
      'x'.repeat(8000),
    ]) {
      const got = await through('HTTP/1.1', { ...given, traceparent })
      assert.match(got.traceparent, /^00-(?!4bf92f)[0-9a-f]{32}-[0-9a-f]{16}-03$/)
      assert.equal(got.tracestate, undefined)
    }
  })

  test('Connection cannot take our trace context away', async (t) => {
    const { through } = await scene(t, 'tracing: {}')
    const got = await through('HTTP/1.1', { connection: 'traceparent, tracestate', ...given })
    assert.match(got.traceparent, /^00-/)
  })

  test('it begins and ends with a reload', async (t) => {
    const { proxy, through } = await scene(t, '')
    const upstream = [...proxy.gatehouse.upstreams.all()][0]
    const yaml = `
      listeners: { https: { port: 0, address: 127.0.0.1 } }
      routes: [{ name: app, to: "${upstream?.name}" }]
    `
    await proxy.reload(`tracing: {}\n${yaml.replace(/^ {6}/gm, '')}`)
    assert.match((await through('HTTP/1.1')).traceparent, /^00-/)
    await proxy.reload(yaml)
    assert.equal((await through('HTTP/1.1')).traceparent, '')
  })

  test('a service that forwardAuth asks is told of the same request and trace, and not what a client says', async (t) => {
    const asked = await startUpstream(t)
    const { proxy, through } = await scene(
      t,
      'tracing: {}',
      `defaults: { policies: { forwardAuth: { url: "${asked.url}/verify", requestHeaders: [x-request-id, traceparent] } } }`,
    )
    const { traceparent } = await through('HTTP/1.1', { ...given, 'x-request-id': 'chosen-by-the-client' })
    const told = asked.requests[0]?.headers
    assert.equal(String(told?.traceparent).split('-')[1], traceparent.split('-')[1])
    const line = await eventually(async () => (await proxy.accessLog()).at(-1))
    assert.equal(told?.['x-request-id'], line.request_id)
    assert.equal(String(told?.traceparent).split('-')[2], line.span_id)
  })
})
