import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { PassThrough } from 'node:stream'
import { test } from 'node:test'
import { createLogger } from '../../services/shared/logger.ts'
import { answerErrors, createApp } from '../../services/shared/web-app.ts'
import { eventually } from '../harness/eventually.ts'
import { startProxy } from '../harness/proxy.ts'
import { request } from '../harness/request.ts'
import { onEnd } from '../harness/teardown.ts'

test('one request has one id and one trace, in the log of the proxy and in that of the service', async (t) => {
  const stream = new PassThrough({ encoding: 'utf8' })
  let said = ''
  stream.on('data', (text: string) => {
    said += text
  })
  const log = createLogger({ service: 'shop', stream, readable: false })
  const app = createApp(log)
  app.get('/cart', (_request, response) => {
    log.warn('the cart is almost full')
    response.end()
  })
  answerErrors(app, log)
  const server = createServer(app).listen(0, '127.0.0.1')
  await once(server, 'listening')
  onEnd(t, () => void server.close())
  const proxy = await startProxy(
    t,
    `
    tracing: {}
    routes: [{ name: shop, to: "http://127.0.0.1:${(server.address() as AddressInfo).port}" }]
    `,
  )
  const invented = {
    'x-request-id': 'chosen-by-the-client',
    traceparent: `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01`,
  }
  const { headers } = await request(`${proxy.url()}/cart`, { headers: invented })
  const line = await eventually(async () => (await proxy.accessLog())[0])
  const { requestId, traceId } = JSON.parse(said)
  assert.deepEqual([requestId, traceId], [line.request_id, line.trace_id])
  assert.equal(headers['x-request-id'], requestId)
  assert.doesNotMatch(`${requestId}${traceId}`, /chosen|aaaa/)
})
