import { once } from 'node:events'
import { createServer, type IncomingMessage, type RequestListener, type Server } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import type { AddressInfo, Socket } from 'node:net'
import { join } from 'node:path'
import { type WebSocket, WebSocketServer } from 'ws'
import { type Certificate, selfSigned } from './certificate.ts'
import { onEnd, type Teardown } from './teardown.ts'
import { tempFolder } from './temp-folder.ts'

export interface Upstream {
  /** As a target of routes.yaml: `http://127.0.0.1:1234`, `https://…` or `unix:/…/app.sock`. */
  readonly url: string
  /** 0 on a unix socket. */
  readonly port: number
  readonly server: Server
  /** Heads of all requests that arrived, in order, upgrades too. */
  readonly requests: IncomingMessage[]
  /** Connections that are open now. */
  readonly connections: ReadonlySet<Socket>
  /** What a client must trust to reach it over TLS. */
  readonly certificate?: Certificate
  /** Stops listening and drops all connections, as a crash would. */
  close(): Promise<void>
}

export interface UpstreamOptions {
  /** `true` makes a certificate for localhost and 127.0.0.1. */
  tls?: boolean | Certificate
  /** Listen on a unix socket. */
  unix?: boolean
  /** 0 takes a free one. */
  port?: number
  /** Takes over each WebSocket. Without it an upgrade is not answered as one. */
  websocket?: (socket: WebSocket, request: IncomingMessage) => void
}

/** Starts a server to relay to. Without a handler it answers 200 with what it saw, as JSON: see `echo`. */
export async function startUpstream(
  t: Teardown,
  handler: RequestListener = echo,
  options: UpstreamOptions = {},
): Promise<Upstream> {
  const certificate = options.tls === true ? await selfSigned() : options.tls || undefined
  const server = certificate ? createTlsServer(certificate) : createServer()
  const requests: IncomingMessage[] = []
  server.on('request', (request, response) => {
    requests.push(request)
    handler(request, response)
  })
  if (options.websocket) takeWebSockets(server, requests, options.websocket)

  const socket = options.unix ? join(await tempFolder(t), 'app.sock') : undefined
  server.listen(socket ? { path: socket } : { port: options.port ?? 0, host: '127.0.0.1' })
  await once(server, 'listening')
  const port = socket ? 0 : (server.address() as AddressInfo).port
  const connections = trackConnections(server)
  const close = () => closeServer(server, connections)
  onEnd(t, close)
  return {
    url: socket ? `unix:${socket}` : `${certificate ? 'https' : 'http'}://127.0.0.1:${port}`,
    port,
    server,
    requests,
    connections,
    ...(certificate ? { certificate } : {}),
    close,
  }
}

/** What `echo` answers. */
export interface Echo {
  method: string
  url: string
  headers: Record<string, string>
  body: string
}

/** Reads the whole request and answers it as JSON. */
export const echo: RequestListener = (request, response) => {
  const chunks: Buffer[] = []
  request.on('error', () => response.destroy())
  request.on('data', (chunk: Buffer) => chunks.push(chunk))
  request.on('end', () => {
    const { method, url, headers } = request
    response.setHeader('content-type', 'application/json')
    response.end(JSON.stringify({ method, url, headers, body: Buffer.concat(chunks).toString() }))
  })
}

/** The sockets of a server that are open now. */
export function trackConnections(server: import('node:net').Server): ReadonlySet<Socket> {
  const open = new Set<Socket>()
  server.on('connection', (socket: Socket) => {
    open.add(socket)
    socket.on('error', () => {})
    socket.on('close', () => open.delete(socket))
  })
  return open
}

/** Ends a server and its connections. It may be called twice. */
export async function closeServer(
  server: import('node:net').Server,
  connections: ReadonlySet<Socket>,
): Promise<void> {
  for (const socket of connections) socket.destroy()
  if (!server.listening) return
  server.close()
  await once(server, 'close')
}

function takeWebSockets(
  server: Server,
  requests: IncomingMessage[],
  take: NonNullable<UpstreamOptions['websocket']>,
): void {
  const acceptor = new WebSocketServer({ noServer: true })
  server.on('upgrade', (request, socket, head) => {
    requests.push(request)
    acceptor.handleUpgrade(request, socket, head, (webSocket) => {
      webSocket.on('error', () => {})
      take(webSocket, request)
    })
  })
}
