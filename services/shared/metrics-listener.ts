import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { type AddressInfo, isIP } from 'node:net'
import { collectDefaultMetrics } from 'prom-client'
import { registry } from './metrics.ts'

export interface MetricsListener {
  /** `http://127.0.0.1:9911/metrics` */
  readonly url: string
  close(): Promise<void>
}

/**
 * Answers `/metrics`, and nothing else, on a port of its own. The proxy leads to the address that a service announces, so
 * no path of the public host comes here, however it is written.
 *
 * Should a target point here by mistake, or by a stolen token, a second rule holds: whatever a proxy has relayed says so in
 * its fields, and is told that there is nothing. On loopback only names of loopback are answered to: a page in a browser
 * of this machine could have a name of its own point here (DNS rebinding). Rejects where the port cannot be had.
 */
export async function listenForScrapes(host: string, port: number): Promise<MetricsListener> {
  const isLoopback = isOfLoopback(host)
  const server = createServer((request, response) => {
    response.on('error', () => {})
    const isOurs = !isLoopback || isOfLoopback(hostnameOf(request.headers.host ?? ''))
    if (isOurs && !isRelayed(request.headers)) void answer(request, response)
    else refuse(response, 404)
  })
  // Whoever holds connections here must not take those of the service.
  server.maxConnections = 16
  server.headersTimeout = 5_000
  server.requestTimeout = 5_000
  await new Promise<void>((resolve, reject) => {
    server.once('error', ({ message }) =>
      reject(new Error(`METRICS_PORT: ${message}; choose another one, or leave it out to serve none`)),
    )
    server.listen({ host, port }, resolve)
  })
  server.on('error', () => {})
  startProcessMetrics()
  const address = host.includes(':') ? `[${host}]` : host
  return {
    url: `http://${address}:${(server.address() as AddressInfo).port}/metrics`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}

// --- internal ---

async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const { method = '', url = '' } = request
  if (url.split('?', 1)[0] !== '/metrics') return refuse(response, 404)
  if (method !== 'GET' && method !== 'HEAD') return refuse(response, 405)
  try {
    const text = await registry.metrics()
    response.setHeader('Content-Type', registry.contentType)
    response.setHeader('Content-Length', Buffer.byteLength(text))
    response.end(method === 'HEAD' ? undefined : text)
  } catch {
    refuse(response, 500)
  }
}

function isOfLoopback(name: string): boolean {
  return name === 'localhost' || name === '::1' || (isIP(name) === 4 && name.startsWith('127.'))
}

/** `[::1]:9911` is of `::1`. */
function hostnameOf(field: string): string {
  return field
    .replace(/:\d+$/, '')
    .replace(/^\[|\]$/g, '')
    .toLowerCase()
}

function refuse(response: ServerResponse, status: number): void {
  response.writeHead(status, { 'Content-Length': 0, Connection: 'close' }).end()
}

/** Gatehouse sets X-Forwarded-For on whatever it relays, in place of what a client sent. Other proxies set one of these. */
function isRelayed(headers: IncomingMessage['headers']): boolean {
  return ['x-forwarded-for', 'x-forwarded-host', 'x-forwarded-proto', 'x-real-ip', 'forwarded', 'via'].some(
    (name) => headers[name] !== undefined,
  )
}

let isStarted = false

/** They watch the event loop and the collector, which nobody needs whom nobody asks. */
function startProcessMetrics(): void {
  if (isStarted) return
  isStarted = true
  collectDefaultMetrics({ register: registry })
}
