import assert from 'node:assert/strict'
import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import { type TestContext, test } from 'node:test'
import { eventually } from '../../test/harness/eventually.ts'
import { freePort } from '../../test/harness/free-port.ts'
import { announce } from './announce.ts'

interface Heard {
  readonly method: string
  readonly url: string
  readonly token: string
  readonly body: { state?: string; ttl?: string; url?: string }
}

/** What stands in for the proxy: it writes down what it hears. */
async function startAdmin(t: TestContext, { port = 0, status = 200 } = {}) {
  const heard: Heard[] = []
  const server = createServer(async (request, response) => {
    const text = await textOf(request)
    const { method = '', url = '', headers } = request
    heard.push({
      method,
      url,
      token: String(headers.authorization),
      body: text === '' ? {} : JSON.parse(text),
    })
    response.statusCode = status
    response.end(JSON.stringify({ detail: 'not today' }))
  })
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve))
  t.after(() => {
    server.closeAllConnections()
    server.close()
  })
  return { heard, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` }
}

async function textOf(request: IncomingMessage): Promise<string> {
  let text = ''
  for await (const chunk of request) text += chunk
  return text
}

const words = { upstream: 'photos', url: 'http://127.0.0.1:3000', token: 'T' }

test('it says where the service is, says so again, says draining, and leaves', async (t) => {
  const { heard, url } = await startAdmin(t)
  const announced = announce({ ...words, admin: url, ttl: 60 })
  t.after(() => announced.leave())
  await announced.heard
  assert.equal(announced.state(), 'announced')
  await eventually(() => heard.length >= 4)
  await announced.draining()
  assert.equal(heard.at(-1)?.body.state, 'draining')
  await announced.leave()
  assert.equal(announced.state(), 'left')
  assert.equal(heard.at(-1)?.method, 'DELETE')
  assert.deepEqual(
    [...new Set(heard.map((each) => `${each.url} ${each.token}`))],
    ['/v1/upstreams/photos/targets/main Bearer T'],
  )
  assert.deepEqual(heard[0]?.body, {
    url: 'http://127.0.0.1:3000',
    ttl: '60ms',
    weight: 1,
    state: 'ready',
    metadata: {},
  })
})

test('of a keyed upstream it names the key', async (t) => {
  const { heard, url } = await startAdmin(t)
  const announced = announce({ ...words, upstream: 'desktop', key: 'alice-vscode', id: 'one', admin: url })
  await announced.heard
  await announced.leave()
  assert.equal(heard[0]?.url, '/v1/upstreams/desktop/keys/alice-vscode/targets/one')
})

test('a proxy that is away is waited for, and complained of once', async (t) => {
  const port = await freePort()
  const troubles: string[] = []
  const announced = announce({
    ...words,
    admin: `http://127.0.0.1:${port}`,
    onTrouble: (sentence) => troubles.push(sentence),
  })
  t.after(() => announced.leave())
  await eventually(() => troubles.length === 1)
  assert.equal(announced.state(), 'announcing')
  const { heard } = await startAdmin(t, { port })
  await announced.heard
  assert.equal(announced.state(), 'announced')
  assert.equal(heard.length, 1)
  assert.match(
    troubles.join(),
    /^photos\/main cannot be announced: http:\/\/127\.0\.0\.1:\d+ is away \(ECONNREFUSED\)$/,
  )
})

test('a proxy that refuses is quoted', async (t) => {
  const { url } = await startAdmin(t, { status: 403 })
  const troubles: string[] = []
  const announced = announce({ ...words, admin: url, onTrouble: (sentence) => troubles.push(sentence) })
  await eventually(() => troubles.length === 1)
  await announced.leave()
  assert.deepEqual(troubles, ['photos/main cannot be announced: 403 not today'])
})
