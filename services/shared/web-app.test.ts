import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { PassThrough } from 'node:stream'
import { type TestContext, test } from 'node:test'
import express from 'express'
import { eventually } from '../../test/harness/eventually.ts'
import { createLogger } from './logger.ts'
import { Problem } from './problem.ts'
import { answerErrors, createApp } from './web-app.ts'

async function startApp(t: TestContext) {
  const stream = new PassThrough()
  let said = ''
  stream.on('data', (chunk) => {
    said += chunk
  })
  const log = createLogger({ service: 'test', stream, readable: false, level: 'debug' })
  const app = createApp(log)
  app.post('/json', express.json({ limit: '1kb' }), (request, response) => void response.json(request.body))
  app.get('/refused', () => {
    throw new Problem(429, 'Too many', { headers: { 'Retry-After': '7' }, limit: 3 })
  })
  app.get('/away', () => {
    throw Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED' })
  })
  app.get('/named/:name', (request, response) => void response.json(request.params))
  app.get('/nul', () => {
    throw Object.assign(new Error('invalid byte sequence for encoding "UTF8": 0x00'), { code: '22021' })
  })
  app.get('/broken', async () => {
    throw new Error('password=hunter2')
  })
  app.get('/deep', async (_request, response) => {
    await new Promise((resolve) => setTimeout(resolve, 1))
    log.info('on the way')
    const later = () => log.info('long after')
    response.on('close', () => setTimeout(later, 1))
    setTimeout(() => response.end(), 1)
  })
  answerErrors(app, log)
  const server = createServer(app)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.after(() => {
    server.closeAllConnections()
    server.close()
  })
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  return { ask: (path: string, options?: RequestInit) => fetch(origin + path, options), said: () => said }
}

test('what is refused is told as problem details, with the request id of the proxy', async (t) => {
  const { ask } = await startApp(t)
  const response = await ask('/refused', { headers: { 'X-Request-Id': 'abc-1' } })
  assert.equal(response.status, 429)
  assert.equal(response.headers.get('content-type'), 'application/problem+json; charset=utf-8')
  assert.equal(response.headers.get('retry-after'), '7')
  assert.equal(response.headers.get('x-request-id'), 'abc-1')
  assert.deepEqual(await response.json(), { title: 'Too many', status: 429, requestId: 'abc-1', limit: 3 })
})

test('a request id that would not fit into a log is replaced', async (t) => {
  const { ask } = await startApp(t)
  const response = await ask('/refused', { headers: { 'X-Request-Id': 'a b{}' } })
  assert.match(response.headers.get('x-request-id') ?? '', /^[0-9a-f-]{36}$/)
})

test('a database that is away is a 503 to try again', async (t) => {
  const { ask } = await startApp(t)
  const response = await ask('/away')
  assert.equal(response.status, 503)
  assert.equal(response.headers.get('retry-after'), '5')
})

test('what broke is in the log and not in the answer', async (t) => {
  const { ask, said } = await startApp(t)
  const response = await ask('/broken')
  assert.equal(response.status, 500)
  assert.doesNotMatch(await response.text(), /hunter2/)
  assert.match(said(), /"requestId":"[0-9a-f-]{36}"/)
})

test('bodies that cannot be read are the fault of whoever sent them', async (t) => {
  const { ask } = await startApp(t)
  const post = (body: string) =>
    ask('/json', { method: 'POST', headers: { 'Content-Type': 'application/json' }, body })
  assert.equal((await post('{"a":')).status, 400)
  assert.equal((await post(JSON.stringify({ a: 'x'.repeat(2000) }))).status, 413)
  assert.equal((await ask('/nul')).status, 400)
  assert.equal((await ask('/named/%E0%A4%A')).status, 400)
  assert.equal((await ask('/nowhere')).status, 404)
})

test('whatever is said while a request is served names it and its trace, and nothing afterwards does', async (t) => {
  const { ask, said } = await startApp(t)
  const traceId = '4bf92f3577b34da6a3ce929d0e0e4736'
  const traceparent = `00-${traceId}-00f067aa0ba902b7-01`
  await Promise.all([
    ask('/deep', { headers: { 'X-Request-Id': 'first-1', traceparent } }),
    ask('/deep', { headers: { 'X-Request-Id': 'second-1', traceparent: 'nonsense' } }),
    ask('/broken', { headers: { 'X-Request-Id': 'third-1', traceparent } }),
  ])
  const lines = await eventually(() => {
    const all = said()
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line))
    return all.length === 8 && all
  })
  const named = (message: string) =>
    lines.flatMap((line) => (line.message === message ? [[line.requestId, line.traceId]] : [])).sort()
  const both = [
    ['first-1', traceId],
    ['second-1', undefined],
  ]
  assert.deepEqual(named('on the way'), both)
  assert.deepEqual(named('a request was answered'), both)
  assert.deepEqual(named('long after'), [
    [undefined, undefined],
    [undefined, undefined],
  ])
  const broken = [['third-1', traceId]]
  assert.deepEqual(named('Something went wrong here; it has been written down'), broken)
  assert.deepEqual(named('a request failed'), broken)
})
