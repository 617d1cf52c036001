import assert from 'node:assert/strict'
import type { ServerResponse } from 'node:http'
import { connect } from 'node:http2'
import { Agent, get as getHttps } from 'node:https'
import { after, describe, test } from 'node:test'
import { eventually } from '../harness/eventually.ts'
import { startProxy } from '../harness/proxy.ts'
import { onEnd } from '../harness/teardown.ts'
import { startUpstream } from '../harness/upstream.ts'

/** Server-sent events arrive one by one, when they are sent, and not when a buffer is full. */

const t = { after }
const streams: ServerResponse[] = []
const upstream = await startUpstream(t, (_request, response) => {
  response.writeHead(200, { 'content-type': 'text/event-stream' })
  response.flushHeaders()
  streams.push(response)
})
const proxy = await startProxy(
  t,
  `
  listeners: { https: { port: 0, address: 127.0.0.1 } }
  upstreams: { events: { targets: ["${upstream.url}"] } }
  routes:
    - { name: bare, match: { path: /bare }, to: events }
    - { name: compressed, match: { path: /compressed }, to: events, policies: { compress: true } }
    - { name: dressed, match: { path: /dressed }, to: events, policies: { compress: { minSize: 1B }, securityHeaders: true } }
  `,
)

type Opened = { text(): string; status: number; coding: unknown; leave(): void }
const doors: Record<string, (path: string) => Promise<Opened>> = {
  'HTTP/1.1': (path) =>
    new Promise((resolve, reject) => {
      const request = getHttps(
        proxy.url() + path,
        { agent: new Agent(), rejectUnauthorized: false, headers: { 'accept-encoding': 'gzip, br, zstd' } },
        (response) => {
          let text = ''
          response.on('error', () => {})
          response.on('data', (chunk) => {
            text += chunk
          })
          const { statusCode: status = 0, headers } = response
          resolve({
            text: () => text,
            status,
            coding: headers['content-encoding'],
            leave: () => request.destroy(),
          })
        },
      )
      request.on('error', reject)
    }),
  'HTTP/2': (path) =>
    new Promise((resolve, reject) => {
      const session = connect(proxy.url(), { rejectUnauthorized: false })
      onEnd(t, () => session.destroy())
      const stream = session.request({ ':path': path, 'accept-encoding': 'gzip, br, zstd' })
      let text = ''
      stream.on('error', reject)
      stream.on('data', (chunk) => {
        text += chunk
      })
      stream.on('response', (head) =>
        resolve({
          text: () => text,
          status: head[':status'] ?? 0,
          coding: head['content-encoding'],
          leave: () => stream.close(),
        }),
      )
    }),
}

for (const [version, open] of Object.entries(doors))
  describe(`over ${version}`, () => {
    for (const path of ['/bare', '/compressed', '/dressed'])
      test(`${path}: each event is there before the next is sent`, async () => {
        const before = streams.length
        const client = await open(path)
        assert.deepEqual([client.status, client.coding], [200, undefined])
        const sender = streams[before]
        assert.ok(sender)
        for (const event of ['data: one\n\n', 'data: two\n\n', ': nothing\n\n', 'data: three\n\n']) {
          sender.write(event)
          await eventually(() => client.text().endsWith(event))
        }
        assert.equal(client.text(), 'data: one\n\ndata: two\n\n: nothing\n\ndata: three\n\n')
        sender.end()
      })

    test('a client that leaves is heard of by the upstream at once', async () => {
      const before = streams.length
      const client = await open('/bare')
      const sender = streams[before]
      assert.ok(sender)
      client.leave()
      await eventually(() => sender.destroyed || sender.closed)
    })
  })
