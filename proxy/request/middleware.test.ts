import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, get } from 'node:http'
import type { AddressInfo } from 'node:net'
import { type TestContext, test } from 'node:test'
import type { RequestHandler } from 'express'
import { mountMiddleware } from './middleware.ts'

/** A server as the listeners make them, with one middleware in front of the answer `passed`. Answers its URL. */
async function serve(t: TestContext, handler: RequestHandler): Promise<string> {
  const run = mountMiddleware([handler])
  const server = createServer({ optimizeEmptyRequests: true }, async (request, response) => {
    if ((await run({ request, response })) === 'next') response.end('passed')
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => server.closeAllConnections())
  t.after(() => server.close())
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

for (const [how, handler] of Object.entries<RequestHandler>({
  'by its event': (request, _response, next) => void request.on('end', () => next()),
  'by its event, and late': (request, _response, next) =>
    void setImmediate(() => request.once('end', () => next())),
  'by reading all of it': async (request, _response, next) => {
    for await (const chunk of request) assert.fail(`a body: ${chunk}`)
    next()
  },
}))
  test(`middleware that waits for the end of a request without a body is told, ${how}`, async (t) => {
    const answer = await fetch(await serve(t, handler))
    assert.equal(await answer.text(), 'passed')
  })

test('middleware that streams hears of a client that leaves', async (t) => {
  const left = Promise.withResolvers<void>()
  const url = await serve(t, (request, response) => {
    request.on('close', left.resolve)
    response.write('one')
  })
  const client = get(url)
  const [response] = await once(client, 'response')
  assert.equal(String((await once(response, 'data'))[0]), 'one')
  response.on('error', () => {})
  client.destroy()
  await left.promise
})
