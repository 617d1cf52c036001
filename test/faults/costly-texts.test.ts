/**
 * Texts that cost time.
 *
 * Attack: a worker has one thread, and whoever makes it search a text again from each place of it has stopped it for
 * everybody. The log looks for secrets in addresses and in fields that hold some; a query of 2 kB with `;a=%3d` over and
 * over took ten seconds, and one as long as a head more than anybody waited for. Blanks did the same to lists.
 *
 * Right: what a text costs grows as it does, whatever is in it and wherever it stands, of clients and of upstreams.
 */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { rawRequest } from '../harness/raw-request.ts'
import { startScriptedUpstream } from '../harness/scripted-upstream.ts'
import { openScene, type Scene } from './scene.ts'

const units = [' ', ', ', ';a=%3d%253d', '?b=%3d', '%CC%80%CC%A3', '/..', 'a.', '"', 'bearer ', 'a=b; ']
/** Bytes: as much as a head may have, or nearly. */
const size = 28_000
/** Milliseconds of the processor. What these attacks took was five thousand and more; a text that is read once takes two. */
const most = 1_000

const everything = {
  route:
    'policies: { cors: { origins: ["https://*.app.test"] }, compress: true, securityHeaders: true, rateLimit: { limit: 9999, per: 1h, by: "header:x-key" } }, forward: { host: target }',
  more: 'tracing: { endpoint: "http://127.0.0.1:9/v1/traces", continue: everybody, sample: 1 }\ntrustedProxies: [127.0.0.1]',
}

async function costOf({ plain }: Scene, lines: readonly string[], target = '/'): Promise<number> {
  const head = [`GET ${target} HTTP/1.1`, 'Connection: close', ...lines].join('\r\n')
  const before = process.cpuUsage()
  await rawRequest(plain, `${head}\r\n\r\n`, { until: /\r\n\r\n/, timeout: 60_000 })
  // The log is written when the response has closed.
  await new Promise((resolve) => setImmediate(resolve))
  const { user, system } = process.cpuUsage(before)
  return (user + system) / 1000
}

function assertCheap(costs: readonly (readonly [what: string, cost: number])[]): void {
  assert.deepEqual(
    costs.filter(([, cost]) => cost > most).map(([what, cost]) => `${what}: ${Math.round(cost)} ms`),
    [],
  )
}

describe('no text of a client costs more than its length', () => {
  const places: readonly string[] = [
    'Accept: text/html,',
    'Accept-Encoding: a',
    'Access-Control-Request-Headers: a',
    'Authorization: Bearer a',
    'Cookie: a',
    'Forwarded: a',
    'Origin: a',
    'Referer: http://a',
    'Sec-WebSocket-Protocol: bearer, a',
    'traceparent: 00-11111111111111111111111111111111-2222222222222222-01\r\ntracestate: a=',
    'User-Agent: a',
    'X-Forwarded-For: a',
    'X-Key: a',
  ]
  for (const unit of units)
    test(`${JSON.stringify(unit)} over and over`, async (t) => {
      const upstream = await startScriptedUpstream(t, [
        'HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok',
      ])
      const scene = await openScene(t, upstream.url, everything)
      const long = unit.repeat(size / unit.length)
      const costs: [string, number][] = []
      for (const place of places)
        costs.push([place, await costOf(scene, ['Host: localhost', `${place}${long}b`])])
      costs.push(['Host', await costOf(scene, [`Host: a${long}b`])])
      if (!unit.includes(' '))
        for (const start of ['/a', '/?a='])
          costs.push([start, await costOf(scene, ['Host: localhost', 'Accept: text/html'], start + long)])
      assertCheap(costs)
    })
})

test('no text of an upstream costs more than its length', async (t) => {
  const fields = ['Vary', 'Location', 'Set-Cookie', 'Content-Type', 'Cache-Control', 'Keep-Alive', 'Link']
  const texts = fields.flatMap((field) => units.map((unit) => [field, unit] as const))
  const upstream = await startScriptedUpstream(t, (connection) => {
    const [field, unit] = texts[connection] as (typeof texts)[number]
    const long = unit.repeat(size / unit.length)
    return [
      `HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Type: text/html\r\n${field}: /${long}b\r\nContent-Length: 2\r\n\r\nok`,
    ]
  })
  const scene = await openScene(t, upstream.url, everything)
  const costs: [string, number][] = []
  for (const text of texts) {
    const cost = await costOf(scene, ['Host: localhost', 'Origin: https://a.app.test', 'Accept-Encoding: br'])
    costs.push([text.join(' '), cost])
  }
  assertCheap(costs)
})
