import { parseAddress } from '../address.ts'
import { metricsContentType } from '../observability/metrics.ts'
import { renderIndex } from './index-page.ts'
import type { AdminReply } from './reply.ts'
import type { AdminSource } from './source.ts'

export interface Endpoint {
  readonly path: string
  /** For the index page. */
  readonly title: string
  answer(source: AdminSource, query: URLSearchParams): AdminReply | Promise<AdminReply>
}

/** All that the admin listener answers to GET. One row each; the index page lists them. */
export const endpoints: readonly Endpoint[] = [
  {
    path: '/healthz',
    title: 'Whether the process lives',
    answer: () => ({ status: 200, type: 'text/plain; charset=utf-8', body: 'ok\n' }),
  },
  {
    path: '/readyz',
    title: 'Whether it serves, and why not',
    async answer(source) {
      const { ready, reasons } = await source.readiness()
      return json({ ready, reasons }, ready ? 200 : 503)
    },
  },
  {
    path: '/metrics',
    title: 'Metrics for Prometheus',
    answer: async (source) => ({ status: 200, type: metricsContentType, body: await source.metrics() }),
  },
  {
    path: '/v1/routes',
    title: 'Routes: what they match, their policies, where they go, and who is there',
    answer: async (source) => json({ routes: await source.routes() }),
  },
  {
    path: '/v1/upstreams',
    title: 'Targets: who has announced itself, and how each of them is; to follow them, as an event stream',
    answer: async (source) => json({ targets: await source.upstreams() }),
  },
  {
    path: '/v1/tunnels',
    title: 'How many tunnels are open, by route',
    answer: async (source) => json({ tunnels: await source.tunnels() }),
  },
  {
    path: '/v1/decisions',
    title: 'The last decisions about each client; ?client=203.0.113.7 asks about one',
    async answer(source, query) {
      const asked = query.get('client')
      const client = asked === null ? undefined : parseAddress(asked)?.text
      if (asked !== null && client === undefined)
        return json({ title: `"${asked.slice(0, 60)}" is not an address`, status: 400 }, 400)
      return json({ decisions: await source.decisions(client, mostDecisions) })
    },
  },
  {
    path: '/v1/workers',
    title: 'The primary, its workers, and their last change',
    answer: (source) => json(source.processes()),
  },
  {
    path: '/v1/certificates',
    title: 'Certificates, and when they end',
    async answer(source) {
      const certificates = await source.certificates()
      return json({
        certificates: certificates.map(({ cn, sans, serial, notAfter }) => ({
          cn,
          sans,
          serial,
          not_after: new Date(notAfter).toISOString(),
        })),
        automatic: source.automatic().map(({ notAfter, next, ...status }) => ({
          ...status,
          not_after: notAfter === undefined ? undefined : new Date(notAfter).toISOString(),
          next: new Date(next).toISOString(),
        })),
      })
    },
  },
  {
    path: '/',
    title: 'This page',
    answer: (source) => ({
      status: 200,
      type: 'text/html; charset=utf-8',
      body: renderIndex(source.version, [dashboardPage, ...endpoints]),
    }),
  },
]

const dashboardPage = { path: '/dashboard/', title: 'The dashboard, for people with its password' }

const mostDecisions = 500

function json(value: unknown, status = 200): AdminReply {
  return { status, type: 'application/json; charset=utf-8', body: `${JSON.stringify(value, undefined, 2)}\n` }
}
