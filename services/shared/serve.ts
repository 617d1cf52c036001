import type { Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { type Announced, type Announcement, announce } from './announce.ts'

export interface ServiceSettings extends Omit<Announcement, 'url' | 'token' | 'admin'> {
  /** Answers requests, `health` among them. Not listening yet. */
  readonly server: Server
  /** Default: the environment, which names `PORT` (0, a free one), `HOST` (127.0.0.1), `GATEHOUSE_ADMIN`, and `GATEHOUSE_TOKEN`. */
  readonly env?: NodeJS.ProcessEnv
  /** Milliseconds that requests have to end when the service stops. Default: 10,000. */
  readonly patience?: number
}

export interface Service {
  readonly url: string
  /** Undefined without a token: then it serves, and nobody is told. */
  readonly announced: Announced | undefined
  /** Takes nothing new, lets requests end, leaves. SIGTERM and SIGINT do the same. */
  stop(): Promise<void>
}

/** Starts a service: listens, announces itself, and stops in an order in which no request is lost. */
export async function serve(settings: ServiceSettings): Promise<Service> {
  const { server, env = process.env, patience = 10_000, ...announcement } = settings
  const host = env.HOST ?? '127.0.0.1'
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen({ host, port: Number(env.PORT ?? 0) }, resolve)
  })
  const url = `http://${host.includes(':') ? `[${host}]` : host}:${(server.address() as AddressInfo).port}`
  const token = env.GATEHOUSE_TOKEN
  const announced = token ? announce({ ...announcement, url, token, admin: env.GATEHOUSE_ADMIN }) : undefined
  let stopping: Promise<void> | undefined

  async function stop(): Promise<void> {
    // First nothing new comes, then what is there ends, and only then does the port close.
    await announced?.draining()
    const closed = new Promise<void>((resolve) => server.close(() => resolve()))
    const cut = setTimeout(() => server.closeAllConnections(), patience)
    // A connection that the proxy keeps for later is idle as soon as its last request has ended.
    const idle = setInterval(() => server.closeIdleConnections(), 20)
    await closed
    clearInterval(idle)
    clearTimeout(cut)
    await announced?.leave()
  }

  const service: Service = {
    url,
    announced,
    stop() {
      stopping ??= stop()
      return stopping
    },
  }
  for (const signal of ['SIGTERM', 'SIGINT'] as const)
    process.once(signal, () => void service.stop().then(() => process.exit(0)))
  return service
}
