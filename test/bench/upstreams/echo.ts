import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { WebSocketServer } from 'ws'
import { onEnd, type Teardown } from '../../harness/teardown.ts'

/** A WebSocket server that sends back what it is sent. */
export async function startEchoUpstream(t: Teardown): Promise<{ port: number }> {
  const http = createServer((_request, response) => response.end())
  const server = new WebSocketServer({ server: http, perMessageDeflate: false })
  server.on('connection', (socket) => {
    socket.on('message', (data, isBinary) => socket.send(data, { binary: isBinary }))
    socket.on('error', () => {})
  })
  http.listen({ port: 0, host: '127.0.0.1', backlog: 4096 })
  await once(http, 'listening')
  onEnd(t, () => {
    for (const socket of server.clients) socket.terminate()
    http.close()
  })
  return { port: (http.address() as AddressInfo).port }
}
