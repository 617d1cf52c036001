import { once } from 'node:events'
import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { onEnd, type Teardown } from '../../harness/teardown.ts'

export interface EventsUpstream {
  readonly port: number
  /** Sends one event to all that listen. */
  publish(data: string): void
  /** Ends all streams: a proxy may not tell that a client has left before it has something to send. */
  dismiss(): void
}

/** A stream of server-sent events on /events. */
export async function startEventsUpstream(t: Teardown): Promise<EventsUpstream> {
  const listening = new Set<ServerResponse>()
  const server = createServer(({ url }, response) => {
    if (url !== '/events') return void response.end()
    // nginx holds a response back for its buffers unless it is told not to.
    response.writeHead(200, { 'content-type': 'text/event-stream', 'x-accel-buffering': 'no' })
    response.write(': welcome\n\n')
    listening.add(response)
    response.on('close', () => listening.delete(response))
  })
  server.listen({ port: 0, host: '127.0.0.1', backlog: 4096 })
  await once(server, 'listening')
  onEnd(t, () => {
    server.closeAllConnections()
    server.close()
  })
  return {
    port: (server.address() as AddressInfo).port,
    publish(data) {
      for (const response of listening) response.write(`data: ${data}\n\n`)
    },
    dismiss() {
      for (const response of listening) response.destroy()
      listening.clear()
    },
  }
}
