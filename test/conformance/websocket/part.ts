import { once } from 'node:events'
import { createServer } from 'node:http'
import { type AddressInfo, connect, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { connect as connectTls } from 'node:tls'
import { WebSocketServer } from 'ws'
import { onEnd, type Teardown } from '../../harness/teardown.ts'
import { closeServer, trackConnections } from '../../harness/upstream.ts'
import { type Judged, judgeAll, type Part, type Side } from '../row.ts'
import { type WebSocketCase, webSocketCases } from './cases.ts'

/** WebSockets: whatever a client sends, it gets through the proxy what it gets without one, byte for byte. */
export const webSocket: Part = {
  title: 'WebSocket through the proxy (RFC 6455)',
  needs: [],
  async run(t, { start }) {
    const server = await startEcho(t)
    const sides = await start(t, server.port)
    const direct = new Map<WebSocketCase, Tunnel>()
    for (const each of webSocketCases) direct.set(each, await tryTunnel(server, { port: server.port }, each))
    return judgeAll(sides, webSocketCases, async (side: Side, each) => {
      const expected = direct.get(each) as Tunnel
      for (const [name, way] of [
        ['in the clear', { port: side.plain }],
        ['over TLS', { port: side.secure, secure: true }],
      ] as const) {
        const fault = compare(await tryTunnel(server, way, each), expected)
        if (fault !== undefined) return { grade: 'wrong', seen: `${name}: ${fault}` } satisfies Judged
      }
      return { grade: 'right', seen: 'as without a proxy' } satisfies Judged
    })
  },
}

interface EchoServer {
  readonly port: number
  /** What the latest connection has sent so far, and whether the server sees it as open. */
  latest: { received: Buffer[]; open: boolean }
}

/** A server that echoes messages, speaks `chat`, and compresses if asked. */
async function startEcho(t: Teardown): Promise<EchoServer> {
  const server = createServer()
  const echo: EchoServer & { port: number } = { port: 0, latest: { received: [], open: false } }
  const acceptor = new WebSocketServer({
    noServer: true,
    perMessageDeflate: { threshold: 0 },
    handleProtocols: (offered) => (offered.has('chat') ? 'chat' : false),
  })
  server.on('upgrade', (request, socket, head) => {
    const latest: EchoServer['latest'] = { received: [], open: true }
    echo.latest = latest
    socket.on('close', () => {
      latest.open = false
    })
    acceptor.handleUpgrade(request, socket, head, (webSocket) => {
      // First, and a copy, because the server takes the masks off in place.
      socket.prependListener('data', (bytes: Buffer) => latest.received.push(Buffer.from(bytes)))
      webSocket.on('error', () => {})
      webSocket.on('message', (message, isBinary) => webSocket.send(message, { binary: isBinary }))
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const open = trackConnections(server)
  onEnd(t, () => closeServer(server, open))
  echo.port = (server.address() as AddressInfo).port
  return echo
}

interface Tunnel {
  status: string
  /** Fields of the handshake that are the server's own. */
  fields: string[]
  /** All that came behind the handshake. */
  reply: Buffer
  /** All that the server got is what was sent, as far as it read. */
  untouched: boolean
  closed: boolean
  serverClosed: boolean
}

async function tryTunnel(
  server: EchoServer,
  { port, secure = false }: { port: number; secure?: boolean },
  { send, leave = 'wait', handshake = [] }: WebSocketCase,
): Promise<Tunnel> {
  const socket: Socket = secure
    ? connectTls({ port, host: '127.0.0.1', rejectUnauthorized: false, ALPNProtocols: ['http/1.1'] })
    : connect({ port, host: '127.0.0.1' })
  socket.setNoDelay(true)
  socket.on('error', () => {})
  const gone = new Promise((resolve) => socket.once('close', resolve))
  const chunks: Buffer[] = []
  let closed = false
  socket.on('data', (bytes: Buffer) => chunks.push(bytes))
  for (const event of ['end', 'close']) socket.on(event, () => (closed = true))
  const version = handshake.some((line) => line.startsWith('Sec-WebSocket-Version'))
    ? []
    : ['Sec-WebSocket-Version: 13']
  const lines = [
    'GET /chat HTTP/1.1',
    'Host: localhost',
    'Connection: Upgrade',
    'Upgrade: websocket',
    ...version,
  ]
  lines.push('Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==', ...handshake, '', '')
  socket.write(lines.join('\r\n'))
  const head = await headOf(chunks, () => closed)
  const sent: Buffer[] = []
  for (const piece of send) {
    if (typeof piece === 'number') await sleep(piece)
    else if (!socket.destroyed) {
      sent.push(piece)
      if (!socket.write(piece)) await Promise.race([drained(socket), gone])
    }
  }
  if (leave === 'end') socket.end()
  if (leave === 'destroy') socket.destroy()
  const { latest } = server
  const end = performance.now() + 4000
  while ((!closed || latest.open) && performance.now() < end) await sleep(2)
  socket.destroy()
  const received = Buffer.concat(latest.received)
  return {
    status: head.split('\r\n')[0] ?? '',
    fields: head
      .split('\r\n')
      .filter((line) => /^(upgrade|connection|sec-websocket-[a-z]+):/i.test(line))
      .map((line) => line.toLowerCase())
      .sort(),
    reply: Buffer.concat(chunks).subarray(Buffer.byteLength(head, 'latin1') + 4),
    untouched: Buffer.concat(sent).subarray(0, received.length).equals(received),
    closed,
    serverClosed: !latest.open,
  }
}

function drained(socket: Socket): Promise<void> {
  return new Promise((resolve) => socket.once('drain', resolve))
}

async function headOf(chunks: readonly Buffer[], isClosed: () => boolean): Promise<string> {
  const end = performance.now() + 3000
  while (performance.now() < end) {
    const known = Buffer.concat(chunks).toString('latin1')
    if (known.includes('\r\n\r\n')) return known.slice(0, known.indexOf('\r\n\r\n'))
    if (isClosed()) return known
    await sleep(2)
  }
  return ''
}

/** What differs from the tunnel without a proxy, in words. */
function compare(seen: Tunnel, expected: Tunnel): string | undefined {
  if (seen.status.slice(0, 12) !== expected.status.slice(0, 12))
    return `${seen.status} for ${expected.status}`
  if (expected.status.includes(' 101 ')) {
    if (seen.fields.join() !== expected.fields.join()) return `the handshake says ${seen.fields.join(', ')}`
    if (!seen.reply.equals(expected.reply))
      return `${seen.reply.length} bytes came back, ${expected.reply.length} without a proxy`
  }
  if (!seen.untouched) return 'the server got other bytes than were sent'
  if (seen.closed !== expected.closed) return seen.closed ? 'it was closed' : 'it was not closed'
  return seen.serverClosed === expected.serverClosed ? undefined : 'the server was not told of the end'
}
