import { Agent, request as ask, createServer, type Server } from 'node:http'
import type { Socket } from 'node:net'
import { freePort } from '../harness/free-port.ts'

/** A service that can be killed as a process can: it answers nothing more, and says goodbye to nobody. */
export interface Victim {
  readonly pool: string
  readonly id: string
  readonly alive: boolean
  start(): Promise<void>
  kill(): void
  /** As a service that is told to stop: it drains, finishes, and leaves. */
  leave(): Promise<void>
}

export interface VictimSettings {
  readonly pool: string
  readonly id: string
  readonly admin: string
  readonly token: string
}

/** Milliseconds. */
const ttl = 10_000
const beatEvery = 2_500

/** It keeps its address when it comes back, as a service with a fixed port does. */
export function createVictim({ pool, id, admin, token }: VictimSettings): Victim {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 })
  const sockets = new Set<Socket>()
  let server: Server | undefined
  let port = 0
  let timer: NodeJS.Timeout | undefined
  let state: 'ready' | 'draining' = 'ready'

  function tell(method: 'PUT' | 'DELETE'): Promise<boolean> {
    return new Promise((done) => {
      const body =
        method === 'PUT' ? JSON.stringify({ url: `http://127.0.0.1:${port}`, ttl: `${ttl}ms`, state }) : ''
      const headers = { authorization: `Bearer ${token}`, 'content-length': Buffer.byteLength(body) }
      const sent = ask(`${admin}/v1/upstreams/${pool}/targets/${id}`, {
        method,
        agent,
        headers,
        timeout: 5_000,
      })
      sent.on('response', (response) => {
        response.resume().on('end', () => done((response.statusCode ?? 500) < 300))
        response.on('error', () => done(false))
      })
      sent.on('timeout', () => sent.destroy())
      sent.on('error', () => done(false))
      sent.end(body)
    })
  }

  async function beat(): Promise<void> {
    clearTimeout(timer)
    const isHeard = await tell('PUT')
    if (server === undefined) return
    timer = setTimeout(() => void beat(), (isHeard ? beatEvery : 300) * (0.8 + 0.4 * Math.random()))
  }

  return {
    pool,
    id,
    get alive() {
      return server !== undefined && state === 'ready'
    },
    async start() {
      if (server !== undefined) return
      state = 'ready'
      const next = createServer((_, response) => setTimeout(() => response.end(id), 5))
      next.keepAliveTimeout = 10_000
      next.on('connection', (socket) => {
        sockets.add(socket)
        socket.once('close', () => sockets.delete(socket))
      })
      // While it is away, no connection may be given its port.
      port ||= await freePort()
      await new Promise<void>((resolve) => next.listen(port, '127.0.0.1', resolve))
      server = next
      await beat()
    },
    kill() {
      clearTimeout(timer)
      server?.close()
      server = undefined
      for (const socket of sockets) socket.resetAndDestroy()
      agent.destroy()
    },
    async leave() {
      state = 'draining'
      await beat()
      // A proxy that is away does not hear of it, and goes on to send.
      await new Promise((resolve) => setTimeout(resolve, 1_000))
      clearTimeout(timer)
      const last = server
      server = undefined
      const closed = new Promise((resolve) => last?.close(resolve))
      const idle = setInterval(() => last?.closeIdleConnections(), 20)
      await closed
      clearInterval(idle)
      await tell('DELETE')
      agent.destroy()
    },
  }
}
