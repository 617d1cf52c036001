import type { Gatehouse } from '../gatehouse.ts'
import type { MetricSources } from '../observability/metrics.ts'
import type { OpenListeners } from '../request/accept/listeners.ts'
import type { CertificateFacts } from '../tls/certificates.ts'
import { isWell } from '../upstreams/target.ts'
import { summariseCertificates } from './certificates.ts'

/** What the metrics ask for when they are read. */
export function metricSources(
  gatehouse: Gatehouse,
  listeners: OpenListeners,
  certificates: () => readonly CertificateFacts[],
): MetricSources {
  return {
    *openConnections() {
      for (const { listener, protocol, open } of listeners.connections())
        yield {
          entrypoint: listener,
          protocol: protocol === 'websocket' ? 'websocket' : 'http',
          count: open,
        }
    },
    *exchangesInFlight() {
      const counts = { http: 0, websocket: 0, sse: 0 }
      for (const { kind } of gatehouse.inFlight) counts[kind]++
      for (const [protocol, count] of Object.entries(counts) as [keyof typeof counts, number][])
        yield { protocol, count }
    },
    eventLoopDelay: () => gatehouse.delay,
    *servers() {
      const now = Date.now()
      for (const upstream of gatehouse.upstreams.all())
        for (const target of upstream.targets())
          yield { service: upstream.name, url: target.address.text, up: isWell(target, now) }
    },
    *certificates() {
      for (const { sans, ...others } of summariseCertificates(certificates()))
        yield { ...others, sans: sans.join(',') }
    },
  }
}
