import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { connectHttp2 } from '../../harness/http2.ts'
import { rawRequest } from '../../harness/raw-request.ts'
import { request } from '../../harness/request.ts'
import { upgradeHead } from '../../harness/websocket.ts'
import { openSession, someRecording } from './client.ts'
import { drawing } from './pictures.ts'
import { startScene } from './scene.ts'
import { startTriton } from './triton-double.ts'

/**
 * The model's server stands behind the service and nobody else reaches it: not by path, not by name, not by what is
 * written into a body. It answers everybody who asks, so that each request that came through would be seen.
 */

const triton = await startTriton({ after })
const scene = await startScene({ after }, { TRITON_URL: triton.url })
const { door, ports } = scene
const { host: tritonHost } = new URL(triton.url)

/** All that the service itself ever asks. */
const own = new Set([
  'GET /v2/health/ready',
  'GET /v2/models/efficient_fiqa/ready',
  'GET /v2/models/efficient_fiqa',
  'POST /v2/models/efficient_fiqa/infer',
])

test('a picture is judged by the model, through the whole house', async () => {
  const image = await drawing()
  for (const [base, host] of [
    [door.https, door.host],
    [door.plain, `127.0.0.1:${ports.plain}`],
  ] as const) {
    const { status, text } = await request(`${base}/api/quality/check`, {
      method: 'POST',
      headers: { host, 'content-type': 'application/json' },
      body: JSON.stringify({ image }),
    })
    assert.equal(status, 200, text)
    assert.equal(JSON.parse(text).engine, 'triton')
  }
  const { text } = await request(`${door.https}/health`, { headers: { host: door.host } })
  assert.deepEqual(JSON.parse(text).engine, { name: 'triton', kind: 'neural', answers: true })
  assert.ok(!text.includes(tritonHost), 'where it is, is nobody’s business')
})

const paths = [
  '/v2',
  '/v2/health/ready',
  '/v2/models/efficient_fiqa',
  '/v2/models/efficient_fiqa/infer',
  '//v2/health/ready',
  '/api/../v2/health/ready',
  '/api/quality/check/../../../v2/health/ready',
  '/assets/..%2fv2%2fhealth/ready',
  '/%76%32/health/ready',
  '/V2/health/ready',
  '/v2;x=1/health/ready',
  `/http://${tritonHost}/v2/health/ready`,
  `/@${tritonHost}/v2/health/ready`,
  '/triton/v2/health/ready',
]

for (const path of paths)
  test(`no door leads to the model’s server by ${path.replace(tritonHost, 'its address')}`, async (t) => {
    for (const [base, host] of [
      [door.https, door.host],
      [door.plain, `127.0.0.1:${ports.plain}`],
      [`http://127.0.0.1:${ports.http}`, `camera.localhost:${ports.http}`],
    ] as const)
      for (const method of ['GET', 'POST']) {
        const asked = await request(base, { method, target: path, headers: { host } })
        assert.ok([301, 308, 400, 404, 405].includes(asked.status), `${method} ${base}: ${asked.status}`)
      }
    const http2 = await connectHttp2(t, ports.https, { authority: door.host })
    assert.ok([400, 404].includes((await http2.request(path)).status))
    const upgrade = upgradeHead(path, door.host)
    const [status] = (await rawRequest(ports.https, upgrade, { tls: true, servername: 'camera.localhost' }))
      .statuses
    assert.ok(status === 400 || status === 404, `${status}`)
    assertUntouched()
  })

test('no name leads to the model’s server: of hosts, of forwarding, of rewriting', async () => {
  const names = [tritonHost, 'triton', 'facial-app-triton:8000', `localhost:${new URL(triton.url).port}`]
  for (const name of names)
    for (const base of [door.https, door.plain]) {
      const { status } = await request(`${base}/v2/health/ready`, { headers: { host: name } })
      assert.ok(status >= 400, `${name}: ${status}`)
    }
  for (const field of [
    'x-forwarded-host',
    'x-original-url',
    'x-rewrite-url',
    'x-forwarded-server',
    'forwarded',
  ]) {
    const headers = { host: door.host, [field]: `${triton.url}/v2/health/ready` }
    assert.ok((await request(`${door.https}/v2/health/ready`, { headers })).status >= 400, field)
  }
  const absolute = `GET ${triton.url}/v2/health/ready HTTP/1.1\r\nHost: ${tritonHost}\r\n\r\n`
  const tunnel = `CONNECT ${tritonHost} HTTP/1.1\r\nHost: ${tritonHost}\r\n\r\n`
  for (const bytes of [absolute, tunnel]) {
    const { statuses } = await rawRequest(ports.plain, bytes)
    assert.ok(
      statuses.every((status) => status >= 400),
      `${statuses}`,
    )
  }
  assertUntouched()
})

test('no body makes the service ask the model’s server for what it holds', async () => {
  const address = `${triton.url}/v2/repository/index`
  const check = (image: unknown, more: object = {}) =>
    request(`${door.https}/api/quality/check`, {
      method: 'POST',
      headers: { host: door.host, 'content-type': 'application/json' },
      body: JSON.stringify({ image, ...more }),
    })
  assert.equal((await check(address)).status, 400)
  assert.equal((await check(`data:image/jpeg;base64,${Buffer.from(address).toString('base64')}`)).status, 400)
  await check(await drawing(), { model: '../../repository/index', triton_url: address, url: address })
  const client = await openSession(() => door.https, { host: door.host })
  const refused = [
    await client.send('x', someRecording(100), { index: 0, total: 1, form: { video_id: address } }),
    await client.send('x', someRecording(100), { index: 0, total: 1, form: { file_extension: address } }),
    await client.send('x', someRecording(100), { index: 0, total: 1, form: { url: address } }),
  ]
  assert.deepEqual(
    refused.map(({ status }) => status),
    [400, 400, 400],
  )
  assertUntouched()
})

test('a session’s token opens nothing but its session, through the house as well', async (t) => {
  const one = await openSession(() => door.https, { host: door.host })
  const other = await openSession(() => door.https, { host: door.host })
  assert.equal((await one.send('mine', someRecording(100), { index: 0, total: 1 })).status, 200)
  const path = `/api/session/${one.sessionId}/recordings/mine`
  const http2 = await connectHttp2(t, ports.https, { authority: door.host })
  for (const method of ['GET', 'DELETE']) {
    const authorization = `Bearer ${other.token}`
    assert.equal((await http2.request(path, { method, headers: { authorization } })).status, 403)
    const asked = await request(door.https + path, { method, headers: { host: door.host, authorization } })
    assert.equal(asked.status, 403)
  }
  assert.equal((await one.fetch('mine')).status, 200)
})

test('a model’s server that hangs takes the score with it, and nothing else', async () => {
  triton.behaviour = { silent: true }
  const took: number[] = []
  for (let ask = 0; ask < 3; ask++) {
    const began = performance.now()
    const reply = await request(`${door.https}/health`, { headers: { host: door.host } })
    took.push(performance.now() - began)
    assert.equal(reply.status, 200)
    const { status, engine } = JSON.parse(reply.text)
    assert.deepEqual([status, engine.answers], ['degraded', false])
  }
  assert.ok(Math.min(...took) < 2_500, 'the proxy would take the service for dead')
  const client = await openSession(() => door.https, { host: door.host })
  assert.equal((await client.send('x', someRecording(100), { index: 0, total: 1 })).status, 200)
})

/** Nothing but the service’s own questions has arrived. */
function assertUntouched(): void {
  assert.deepEqual(
    triton.paths.filter((path) => !own.has(path)),
    [],
  )
  const posts = triton.paths.filter((path) => path.startsWith('POST')).length
  assert.equal(posts, triton.batches.length, 'each inference was one of the service’s own')
}
