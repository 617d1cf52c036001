import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { PassThrough } from 'node:stream'
import { type TestContext, test } from 'node:test'
import express from 'express'
import { createLogger } from './logger.ts'
import { Problem } from './problem.ts'
import { answerErrors, createApp } from './web-app.ts'

async function startApp(t: TestContext) {
  const stream = new PassThrough()
  let said = ''
  stream.on('data', (chunk) => {
    said += chunk
  })
  const log = createLogger({ service: 'test', stream, readable: false })
  const app = createApp(log)
  app.post('/json', express.json({ limit: '1kb' }), (request, response) => void response.json(request.body))
  app.get('/refused', () => {
    throw new Problem(429, 'Too many', { headers: { 'Retry-After': '7' }, limit: 3 })
  })
  app.get('/away', () => {
    throw Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED' })
  })
  app.get('/broken', async () => {
    throw new Error('password=hunter2')
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
  assert.equal((await ask('/nowhere')).status, 404)
})
