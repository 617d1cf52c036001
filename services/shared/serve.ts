import { chmod, mkdir, rm } from 'node:fs/promises'
import type { Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { dirname, resolve } from 'node:path'
import { z } from 'zod'
import { type Announced, type Announcement, announce } from './announce.ts'
import { type Environment, portNumber, readEnvironment } from './environment.ts'
import { upGauge } from './metrics.ts'
import { listenForScrapes, type MetricsListener } from './metrics-listener.ts'

export interface ServiceSettings extends Omit<Announcement, 'url' | 'token' | 'admin'> {
  /** Answers requests, `health` among them. Not listening yet. */
  readonly server: Server
  /** Where it listens and whom it tells, see `placeSettings`. Default: the environment. */
  readonly env?: Environment
  /** Called first when the service stops, to end what would not end by itself: event streams and tunnels. */
  onStopping?(): void
  /** Called after the last request has ended, to close what requests stand on. */
  onStopped?(): Promise<void>
  /** Milliseconds that requests have to end when the service stops. Default: 10,000. */
  readonly patience?: number
}

export interface Service {
  readonly url: string
  /** Undefined without a token: then it serves, and nobody is told. */
  readonly announced: Announced | undefined
  /** Where its metrics are, if METRICS_PORT is set. */
  readonly metrics: string | undefined
  /** Takes nothing new, lets requests end, leaves. SIGTERM and SIGINT do the same. */
  stop(): Promise<void>
}

/** The part of a service's environment that says where it is. */
export const placeSettings = z.object({
  /** 0: a free one. */
  PORT: portNumber.default(0),
  HOST: z.string().default('127.0.0.1'),
  /** A unix socket instead of a port. Its folder is made if it is not there. */
  SOCKET: z.string().optional(),
  /** The proxy's admin listener. Default: http://127.0.0.1:9901 */
  GATEHOUSE_ADMIN: z
    .string()
    .refine(
      (text) => text.startsWith('unix:/') || URL.parse(text)?.protocol === 'http:',
      'is neither of the form http://127.0.0.1:9901 nor unix:/run/gatehouse/admin.sock',
    )
    .optional(),
  /** From `gatehouse token`. Without one the service serves, and tells nobody. */
  GATEHOUSE_TOKEN: z.string().optional(),
  /** Where the proxy reaches it, if that is not where it listens: `http://photos:3000` from another container. */
  ANNOUNCE_URL: z
    .string()
    .refine(
      (text) => text.startsWith('unix:/') || /^https?:$/.test(URL.parse(text)?.protocol ?? ''),
      'is not an address such as http://photos:3000',
    )
    .optional(),
  /** What it is called among other instances of the same service: the name of its pod. Default: `main`. */
  ANNOUNCE_ID: z
    .string()
    .regex(/^[\w.-]{1,63}$/, 'is not a name of letters, digits and . _ -')
    .optional(),
  /** Where Prometheus finds /metrics; 0: a free one. Without it there is none. Never where PORT is, which the proxy reaches. */
  METRICS_PORT: portNumber.optional(),
  /** Another address than loopback is for networks that nobody else is in: numbers of the service are read there without a password. */
  METRICS_HOST: z.string().default('127.0.0.1'),
})

const knownToProxy = upGauge('service_announced', 'Whether the proxy knows the service: 1, or 0.')

/** Starts a service: listens, announces itself, and stops in an order in which no request is lost. */
export async function serve(settings: ServiceSettings): Promise<Service> {
  const { server, env = process.env, patience = 10_000, onStopping, onStopped, ...announcement } = settings
  const place = readEnvironment(placeSettings, env)
  const { GATEHOUSE_ADMIN: admin, GATEHOUSE_TOKEN: token, ANNOUNCE_URL: told, ANNOUNCE_ID: id } = place
  const metrics = await metricsOf(place)
  server.keepAliveTimeout = keptFor
  const listening = await listen(server, place)
  const url = told ?? listening
  const announced = token ? announce({ ...(id && { id }), ...announcement, url, token, admin }) : undefined
  if (announced) knownToProxy.read(() => announced.state() === 'announced')
  let stopping: Promise<void> | undefined

  async function stop(): Promise<void> {
    // First nothing new comes, then what is there ends, and only then does the port close.
    await announced?.draining()
    onStopping?.()
    const closed = new Promise<void>((resolve) => server.close(() => resolve()))
    const cut = setTimeout(() => server.closeAllConnections(), patience)
    // A connection that the proxy keeps for later is idle as soon as its last request has ended.
    const idle = setInterval(() => server.closeIdleConnections(), 20)
    await closed
    clearInterval(idle)
    clearTimeout(cut)
    await announced?.leave()
    await onStopped?.()
    // Last, so that somebody can see how it ends.
    await metrics?.close()
  }

  const service: Service = {
    url,
    announced,
    metrics: metrics?.url,
    stop() {
      stopping ??= stop()
      return stopping
    },
  }
  for (const signal of ['SIGTERM', 'SIGINT'] as const)
    process.once(signal, () => void service.stop().then(() => process.exit(0)))
  return service
}

// --- internal ---

/**
 * Milliseconds that an idle connection is kept: much longer than the proxy keeps it. Node looks at this clock before it
 * reads, so that a service that had no processor meanwhile closes on a request that it has got already, and one that
 * changes something is not sent again.
 */
const keptFor = 75_000

async function metricsOf({
  METRICS_PORT: port,
  METRICS_HOST: host,
}: z.infer<typeof placeSettings>): Promise<MetricsListener | undefined> {
  return port === undefined ? undefined : listenForScrapes(host, port)
}

async function listen(
  server: Server,
  { PORT, HOST, SOCKET }: z.infer<typeof placeSettings>,
): Promise<string> {
  const path = SOCKET === undefined ? undefined : resolve(SOCKET)
  if (path !== undefined) {
    await mkdir(dirname(path), { recursive: true })
    // Left by a process that was killed; it would be in the way.
    await rm(path, { force: true })
  }
  await new Promise<void>((done, fail) => {
    server.once('error', fail)
    server.listen(path === undefined ? { host: HOST, port: PORT } : { path }, done)
    server.once('listening', () => server.off('error', fail))
  })
  if (path !== undefined) {
    // The proxy may be of the same group instead of the same user.
    await chmod(path, 0o660)
    return `unix:${path}`
  }
  return `http://${HOST.includes(':') ? `[${HOST}]` : HOST}:${(server.address() as AddressInfo).port}`
}
