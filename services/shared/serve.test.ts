import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import { test } from 'node:test'
import { request } from '../../test/harness/request.ts'
import { serve } from './serve.ts'

// The service and the proxy ended an idle connection at the same moment, five seconds on, and a picture that was sent
// meanwhile was a 502: what changes something is not sent twice.
test('an idle connection is the proxy’s to end', async (t) => {
  const server = createServer((_request, response) => response.end())
  const service = await serve({ server, upstream: 'test', env: {} })
  t.after(() => service.stop())
  const { headers } = await request(service.url, { headers: { connection: 'keep-alive' } })
  const seconds = Number(/timeout=(\d+)/.exec(String(headers['keep-alive']))?.[1])
  // That of the proxy, unless the service says less (proxy/upstreams/connection-pool.ts).
  assert.ok(seconds >= 2 * 4, `${headers['keep-alive']}`)
})

test('where a service listens and whom it tells is looked over before it begins', async () => {
  for (const [name, value, why] of [
    ['PORT', '70000', /PORT: is not a port/],
    ['METRICS_PORT', '-1', /METRICS_PORT: is not a whole number/],
    ['GATEHOUSE_ADMIN', 'localhost:9901', /GATEHOUSE_ADMIN: is neither/],
    ['GATEHOUSE_ADMIN', 'https://localhost:9901', /GATEHOUSE_ADMIN: is neither/],
    ['ANNOUNCE_URL', 'photos:3000', /ANNOUNCE_URL: is not an address/],
  ] as const)
    await assert.rejects(serve({ server: createServer(), upstream: 'test', env: { [name]: value } }), why)
})
