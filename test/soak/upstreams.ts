import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { type AddressInfo, createServer as createNetServer, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { WebSocketServer } from 'ws'
import { freePort } from '../harness/free-port.ts'
import { onEnd, type Teardown } from '../harness/teardown.ts'
import { closeServer, trackConnections } from '../harness/upstream.ts'
import { bodyOf } from './body.ts'

/** What runs behind the proxy: one that is honest, one that comes and goes, one that lies. */
export interface Upstreams {
  readonly honest: string
  readonly flapping: string
  readonly lying: string
  /** Connections that the proxy has to them now. */
  connections(): number
}

export async function startUpstreams(t: Teardown): Promise<Upstreams> {
  const honest = await startHonest(t)
  const flapping = await startFlapping(t)
  const lying = await startLying(t)
  return {
    honest: honest.url,
    flapping: flapping.url,
    lying: lying.url,
    connections: () => honest.open.size + flapping.open.size + lying.open.size,
  }
}

interface Started {
  readonly url: string
  readonly open: ReadonlySet<Socket>
}

async function startHonest(t: Teardown): Promise<Started> {
  const server = createServer(answer)
  const acceptor = new WebSocketServer({ noServer: true })
  server.on('upgrade', (request, socket, head) => {
    socket.on('error', () => {})
    acceptor.handleUpgrade(request, socket, head, (webSocket) => {
      webSocket.on('error', () => {})
      webSocket.on('message', (message, isBinary) => webSocket.send(message, { binary: isBinary }))
    })
  })
  return started(t, server)
}

/**
 * `/body/SEED/SIZE`: those bytes. `/slow/MS`: a word after so long. `/digest`: what came. `/events/COUNT/MS`: a
 * stream. Anything else: what was asked for, in a line.
 */
async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
  request.on('error', () => {})
  const [, what, first = '', second = ''] = (request.url ?? '').split('?')[0]?.split('/').slice(1) ?? []
  switch (what) {
    case 'body':
      response.setHeader('content-length', second)
      return void response.end(bodyOf(Number(first), Number(second)))
    case 'slow':
      await sleep(Number(first))
      return void response.end('slow')
    case 'digest': {
      const hash = createHash('sha1')
      let bytes = 0
      request.on('data', (chunk: Buffer) => {
        hash.update(chunk)
        bytes += chunk.length
      })
      request.on('end', () => response.end(`${bytes} ${hash.digest('hex')}`))
      return
    }
    case 'events':
      return sendEvents(response, Number(first), Number(second))
    default:
      request.resume()
      response.end(`${request.method} ${request.url}`)
  }
}

async function sendEvents(response: ServerResponse, count: number, pause: number): Promise<void> {
  response.writeHead(200, { 'content-type': 'text/event-stream' })
  for (let i = 0; i < count && !response.destroyed; i++) {
    response.write(`data: ${i}\n\n`)
    await sleep(pause)
  }
  response.end()
}

/** Serves for a few seconds, crashes, is away for a few, and comes back on the same port. */
async function startFlapping(t: Teardown): Promise<Started> {
  const server = createServer((_request, response) => void response.end('here'))
  const port = await freePort()
  const { url, open } = await started(t, server, port)
  let ended = false
  onEnd(t, () => {
    ended = true
  })
  void (async () => {
    while (!ended) {
      await sleep(4000, undefined, { ref: false })
      await closeServer(server, open)
      await sleep(2000, undefined, { ref: false })
      if (ended) return
      server.listen(port, '127.0.0.1')
      await once(server, 'listening')
    }
  })()
  return { url, open }
}

const lies: readonly string[] = [
  'HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello',
  'HTTP/1.1 99 Low\r\n\r\n',
  'SSH-2.0-OpenSSH_9.2\r\n\r\n',
  'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n',
  'HTTP/1.1 101 Go\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n',
  'HTTP/1.1 200 OK\r\nX: a\r\n b\r\n\r\n',
]

/** No honest answer: malformed ones, half of one, one behind the one that was asked for, a reset, silence. */
async function startLying(t: Teardown): Promise<Started> {
  const server = createNetServer((socket) => {
    let turn = Math.floor(Math.random() * (lies.length + 4))
    socket.on('data', () => {
      const lie = lies[turn]
      if (lie !== undefined) socket.write(lie)
      else if (turn === lies.length) socket.end('HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf')
      else if (turn === lies.length + 1) socket.resetAndDestroy()
      else if (turn === lies.length + 2)
        socket.write(
          'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil',
        )
      turn++
    })
  })
  return started(t, server)
}

async function started(
  t: Teardown,
  server: Server | ReturnType<typeof createNetServer>,
  port = 0,
): Promise<Started> {
  server.listen(port, '127.0.0.1')
  await once(server, 'listening')
  const open = trackConnections(server)
  onEnd(t, () => closeServer(server, open))
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, open }
}
