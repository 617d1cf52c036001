import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { PassThrough } from 'node:stream'
import { type TestContext, test } from 'node:test'
import { Router } from 'express'
import { eventually } from '../../test/harness/eventually.ts'
import { request } from '../../test/harness/request.ts'
import { createLogger } from './logger.ts'
import { counter, gauge, histogram, rarely, registry, upGauge } from './metrics.ts'
import { listenForScrapes } from './metrics-listener.ts'
import { Problem } from './problem.ts'
import { serve } from './serve.ts'
import { answerErrors, createApp } from './web-app.ts'

/** The lines of one metric, without the comments. */
async function linesOf(name: string): Promise<string[]> {
  const text = await registry.metrics()
  return text.split('\n').filter((line) => line.startsWith(name) && !line.startsWith('#'))
}

test('a counter is there with all its series before anything has happened, and counts', async () => {
  const tries = counter('test_tries_total', 'Tries.', { result: ['won', 'lost'], by: ['day', 'night'] })
  assert.deepEqual(await linesOf('test_tries'), [
    'test_tries_total{result="won",by="day"} 0',
    'test_tries_total{result="won",by="night"} 0',
    'test_tries_total{result="lost",by="day"} 0',
    'test_tries_total{result="lost",by="night"} 0',
  ])
  tries.add({ result: 'won', by: 'night' })
  tries.add({ result: 'won', by: 'night' }, 4)
  assert.ok((await linesOf('test_tries')).includes('test_tries_total{result="won",by="night"} 5'))
})

test('a histogram has its buckets, sum and count', async () => {
  const took = histogram('test_took_seconds', 'Took.', { step: ['one'] }, [1, 2])
  took.observe({ step: 'one' }, 1.5)
  assert.deepEqual(await linesOf('test_took'), [
    'test_took_seconds_bucket{le="1",step="one"} 0',
    'test_took_seconds_bucket{le="2",step="one"} 1',
    'test_took_seconds_bucket{le="+Inf",step="one"} 1',
    'test_took_seconds_sum{step="one"} 1.5',
    'test_took_seconds_count{step="one"} 1',
  ])
})

test('what rejects, throws, or does not answer has no value, and a scrape waits for it a second at most', async () => {
  const values = ['rejects', 'throws', 'hangs', 'silent', 'knows'].map((name) => gauge(`test_${name}`, name))
  values[0]?.read(() => Promise.reject(new Error('away')))
  values[1]?.read(() => {
    throw new Error('broken')
  })
  values[2]?.read(() => new Promise(() => {}))
  values[4]?.read(() => 7)
  upGauge('test_reached', 'Reached.').read(() => new Promise(() => {}))
  const began = performance.now()
  const text = await registry.metrics()
  assert.ok(performance.now() - began < 15_000)
  for (const name of ['rejects', 'throws', 'hangs', 'silent'])
    assert.doesNotMatch(text, new RegExp(`^test_${name}`, 'm'))
  assert.match(text, /^test_knows 7$/m)
  assert.match(text, /^test_reached 0$/m)
  values[2]?.read(() => [])
})

test('a question is asked once at a time and once a second, whoever scrapes, and again after it failed', async () => {
  let asked = 0
  let answer = Promise.withResolvers<number>()
  const ask = rarely(() => {
    asked += 1
    return answer.promise
  })
  const first = [ask(), ask()]
  answer.reject(new Error('away'))
  for (const each of first) await assert.rejects(each, /away/)
  assert.equal(asked, 1)
  answer = Promise.withResolvers()
  answer.resolve(3)
  assert.equal(await eventually(() => ask(), { timeout: 30_000 }), 3)
  assert.equal(asked, 2)
})

async function startApp(t: TestContext): Promise<string> {
  const log = createLogger({ service: 'test', stream: new PassThrough(), readable: false })
  const app = createApp(log)
  const router = Router()
  router.get('/:key', (asked, response) => {
    if (asked.params.key === 'refused') throw new Problem(403, 'No')
    response.end('fine')
  })
  app.use('/Desktop', router)
  app.get('/stream', (_request, response) => void response.type('text/event-stream').end('data: 1\n\n'))
  answerErrors(app, log)
  const server = createServer(app).listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => {
    server.close()
    server.closeAllConnections()
  })
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

test('requests are told by the pattern of their route, and nothing that a client chooses makes a series', async (t) => {
  const url = await startApp(t)
  const paths = ['/desktop/alice', '/DESKTOP/bob', '/desKtop/refused', '/nothing/hunter2', '/stream']
  for (const path of paths) await request(url + path)
  for (const method of ['PROPFIND', 'M-SEARCH', 'PURGE']) await request(`${url}/desktop/carol`, { method })
  const counts = await eventually(async () => {
    const lines = await linesOf('http_request_duration_seconds_count')
    return lines.length === 4 && lines.sort()
  })
  const series = (method: string, route: string, code: number) =>
    `http_request_duration_seconds_count{method="${method}",route="${route}",code="${code}"}`
  assert.deepEqual(counts, [
    `${series('GET', '/desktop/:key', 200)} 2`,
    `${series('GET', '/desktop/:key', 403)} 1`,
    `${series('GET', '_other', 404)} 1`,
    `${series('_other', '_other', 404)} 3`,
  ])
  assert.doesNotMatch(await registry.metrics(), /alice|bob|carol|hunter2|stream"/)
})

test('the listener answers /metrics, and nothing else, and nothing that came through a proxy', async (t) => {
  const { url, close } = await listenForScrapes('127.0.0.1', 0)
  t.after(close)
  const { status, text, headers } = await request(`${url}?x=1`)
  assert.equal(status, 200)
  assert.match(String(headers['content-type']), /^text\/plain; version=0\.0\.4/)
  assert.match(text, /^process_cpu_seconds_total /m)
  assert.match(text, /^nodejs_eventloop_lag_seconds /m)
  const { origin } = new URL(url)
  for (const path of ['/', '/metrics/', '/Metrics', '//metrics', '/metrics/..', '/%6detrics', '/x'])
    assert.deepEqual([path, (await request(origin + path)).status], [path, 404])
  assert.equal((await request(url, { method: 'POST', body: 'x' })).status, 405)
  for (const host of ['rebound.example.com', 'localhost.example.com', '10.0.0.1'])
    assert.deepEqual([host, (await request(url, { headers: { host } })).status], [host, 404])
  assert.equal((await request(url, { headers: { host: 'localhost:1' } })).status, 200)
  for (const field of ['X-Forwarded-For', 'x-forwarded-host', 'Forwarded', 'Via', 'X-Real-IP']) {
    const reply = await request(url, { headers: { [field]: '127.0.0.1' } })
    assert.deepEqual([field, reply.status, reply.text], [field, 404, ''])
  }
})

test('a service has no metrics unless METRICS_PORT is set, then on loopback, and none after it has stopped', async (t) => {
  async function start(env: Record<string, string>) {
    const service = await serve({ server: createServer(), upstream: 'test', env })
    t.after(() => service.stop())
    return service
  }
  const without = await start({})
  assert.equal(without.metrics, undefined)
  await without.stop()
  const service = await start({ METRICS_PORT: '0' })
  const { metrics = '' } = service
  assert.match(metrics, /^http:\/\/127\.0\.0\.1:\d+\/metrics$/)
  assert.equal((await request(metrics)).status, 200)
  const taken = new URL(metrics).port
  await assert.rejects(start({ METRICS_PORT: taken }), /METRICS_PORT: .*EADDRINUSE.*leave it out/)
  await assert.rejects(start({ METRICS_PORT: 'x' }), /METRICS_PORT: is not a whole number/)
  await service.stop()
  await assert.rejects(request(metrics), /ECONNREFUSED/)
})
