import type { IncomingMessage, Server } from 'node:http'
import type { Duplex } from 'node:stream'
import { type WebSocket, WebSocketServer } from 'ws'
import type { Logger } from '../../shared/logger.ts'
import { DeviceAway, type DeviceRequest, type DeviceResponse } from '../isapi/carrier.ts'
import { decodeFrame, encodeFrame, longestFrame } from './frames.ts'

export interface SwitchboardSettings {
  /** Which agent has this token. */
  identify(token: string): Promise<number | undefined>
  onConnect(agent: number): void
  onSeen(agent: number): void
  readonly log: Logger
}

/** The server's end of all agents. */
export interface Switchboard {
  /** Takes the WebSockets that come to `/admin/agent`, and refuses every other upgrade. */
  attach(server: Server): void
  isConnected(agent: number): boolean
  /** How many agents are. */
  readonly connected: number
  /** Asks a device through its agent. Rejects with DeviceAway if the agent is away, or says that the device is. */
  carry(agent: number, request: DeviceRequest): Promise<DeviceResponse>
  /** Ends what an agent has open: its token is no longer good. */
  disconnect(agent: number): void
  close(): void
}

export const agentPath = '/admin/agent'
/** Milliseconds between signs of life. Two that are missing end the connection. */
const breath = 15_000
/** Milliseconds more than the device has, for the way there and back. */
const wayThere = 5_000

export function switchboard({ identify, onConnect, onSeen, log }: SwitchboardSettings): Switchboard {
  const sockets = new WebSocketServer({ noServer: true, maxPayload: longestFrame })
  const lines = new Map<number, Line>()

  async function admit(request: IncomingMessage, socket: Duplex, head: Buffer): Promise<void> {
    socket.on('error', () => {})
    const path = request.url?.split('?', 1)[0]
    if (path !== agentPath) return refuse(socket, '404 Not Found')
    const token = /^Bearer ([\w-]{20,200})$/.exec(request.headers.authorization ?? '')?.[1]
    const agent = token === undefined ? undefined : await identify(token)
    if (agent === undefined) return refuse(socket, '401 Unauthorized')
    sockets.handleUpgrade(request, socket, head, (opened) => connect(agent, opened))
  }

  function connect(agent: number, socket: WebSocket): void {
    // An agent that was cut off comes back before its old connection is known to be dead.
    lines.get(agent)?.socket.terminate()
    const line: Line = { socket, asked: new Map(), isAlive: true, next: 1 }
    lines.set(agent, line)
    log.info('an agent is connected', { agent })
    socket.on('error', (error) =>
      log.warn('the connection of an agent broke', { agent, reason: error.message }),
    )
    socket.on('pong', () => {
      line.isAlive = true
      onSeen(agent)
    })
    socket.on('message', (message, isBinary) => {
      line.isAlive = true
      const frame = isBinary ? decodeFrame(message as Buffer) : undefined
      const question = frame && line.asked.get(frame.id)
      if (frame === undefined || question === undefined) return
      line.asked.delete(frame.id)
      if (frame.is === 'answer') question.resolve({ ...frame.answer, body: frame.body })
      else
        question.reject(
          new DeviceAway(frame.is === 'away' ? frame.why : 'its agent answered with a question'),
        )
    })
    socket.on('close', () => {
      if (lines.get(agent) === line) lines.delete(agent)
      for (const question of line.asked.values()) question.reject(new DeviceAway('its agent was cut off'))
      log.info('an agent is gone', { agent })
    })
    onSeen(agent)
    onConnect(agent)
  }

  const timer = setInterval(() => {
    for (const line of lines.values()) {
      if (!line.isAlive) line.socket.terminate()
      line.isAlive = false
      line.socket.ping()
    }
  }, breath).unref()

  return {
    attach(server) {
      server.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
        admit(request, socket, head).catch((error) => {
          log.warn('an agent could not be let in', { error })
          refuse(socket, '503 Service Unavailable')
        })
      })
    },
    get connected() {
      return lines.size
    },
    isConnected: (agent) => lines.has(agent),
    carry(agent, { body, ...ask }) {
      const line = lines.get(agent)
      if (line === undefined) return Promise.reject(new DeviceAway('its agent is not connected'))
      const id = line.next
      line.next += 1
      const question = Promise.withResolvers<DeviceResponse>()
      line.asked.set(id, question)
      const timer = setTimeout(
        () =>
          question.reject(
            new DeviceAway(`its agent did not answer within ${(ask.timeout + wayThere) / 1000} s`),
          ),
        ask.timeout + wayThere,
      )
      line.socket.send(encodeFrame({ is: 'ask', id, ask, body }))
      return question.promise.finally(() => {
        clearTimeout(timer)
        line.asked.delete(id)
      })
    },
    disconnect: (agent) => lines.get(agent)?.socket.close(4001, 'the token was taken back'),
    close() {
      clearInterval(timer)
      for (const { socket } of lines.values()) socket.close(1001, 'the service stops')
    },
  }
}

// --- internal ---

interface Line {
  readonly socket: WebSocket
  readonly asked: Map<number, PromiseWithResolvers<DeviceResponse>>
  isAlive: boolean
  next: number
}

function refuse(socket: Duplex, status: string): void {
  socket.end(`HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`)
}
