import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import { type AddressInfo, connect, type Socket } from 'node:net'
import { type TestContext, test } from 'node:test'
import { eventually } from '../../../test/harness/eventually.ts'
import type { FollowedExchange } from '../../observability/followed-exchanges.ts'
import { createStreams, mostStreams } from './streams.ts'

test('who does not read is let go, before what it is told fills the memory', async (t) => {
  const { streams, join } = await scene(t)
  const idle = await join()
  idle.pause()
  await eventually(() => streams.size === 1)
  const before = process.memoryUsage().arrayBuffers
  // 400 MB, if it was all kept.
  let told = 0
  while (streams.size > 0 && told < 400) {
    streams.tell('figures', { text: 'x'.repeat(1024 * 1024) })
    told++
    await new Promise((resolve) => setImmediate(resolve))
  }
  assert.ok(told < 60, `${told} MB were told to somebody who did not read`)
  assert.ok(process.memoryUsage().arrayBuffers - before < 100 * 1024 * 1024)
})

test('only so many look on at once, and one that leaves makes room', async (t) => {
  const { streams, join } = await scene(t)
  const all = []
  for (let i = 0; i < mostStreams; i++) all.push(await join())
  await eventually(() => streams.size === mostStreams)
  const [answer] = await once(await join(), 'data')
  assert.match(String(answer), /^HTTP\/1\.1 503/)
  all[0]?.destroy()
  await eventually(() => streams.size === mostStreams - 1)
})

test('whoever is not welcome any more hears nothing more', async (t) => {
  const { streams, join, welcome } = await scene(t)
  const socket = await join()
  let heard = ''
  socket.on('data', (chunk) => {
    heard += chunk
  })
  await eventually(() => streams.size === 1)
  streams.tell('figures', { secret: 1 })
  await eventually(() => heard.includes('"secret":1'))
  welcome.is = false
  streams.tell('figures', { secret: 2 })
  await eventually(() => streams.size === 0)
  assert.ok(!heard.includes('"secret":2'))
})

test('each is told what fits its own filter, and how much could not be kept', async (t) => {
  const { streams, join } = await scene(t)
  const [failed, all] = [await join('?status=5xx'), await join('?')]
  const heard = ['', '']
  for (const [at, socket] of [failed, all].entries())
    socket.on('data', (chunk) => {
      heard[at] = `${heard[at]}${chunk}`
    })
  await eventually(() => streams.size === 2)
  const filters = streams.filters()
  assert.equal(filters.length, 2)
  const exchanges = [200, 502].map(
    (status) => ({ at: status, status, client: '127.0.0.1' }) as FollowedExchange,
  )
  streams.tellFollowed(filters, [{ exchanges, missed: filters.map(({ status }) => (status ? 7 : 0)) }])
  await eventually(() => heard.every((text) => text.includes('event: exchanges')))
  assert.match(heard[0] ?? '', /"status":502.*"missed":7/)
  assert.doesNotMatch(heard[0] ?? '', /"status":200/)
  assert.match(heard[1] ?? '', /"status":200.*"status":502.*"missed":0/)
})

async function scene(t: TestContext) {
  const streams = createStreams()
  const welcome = { is: true }
  const server: Server = createServer((request, response) => {
    const status = new URL(request.url ?? '', 'http://localhost').searchParams.get('status') ?? undefined
    if (!streams.add(response, { status }, () => welcome.is)) response.writeHead(503).end()
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const sockets: Socket[] = []
  t.after(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  async function join(query = ''): Promise<Socket> {
    const socket = connect((server.address() as AddressInfo).port, '127.0.0.1')
    socket.on('error', () => {})
    sockets.push(socket)
    await once(socket, 'connect')
    socket.write(`GET /${query} HTTP/1.1\r\nhost: localhost\r\n\r\n`)
    return socket
  }
  return { streams, join, welcome }
}
