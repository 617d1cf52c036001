import type { ExchangeRecord } from '../../proxy/observability/exchange-record.ts'

/** An ordinary exchange, for tests that change what matters to them. */
export function sampleRecord(changes: Partial<ExchangeRecord> = {}): ExchangeRecord {
  return {
    id: '0f1c9d52-7a43-4c1e-9a57-0e6f5c0f3a11',
    startedAt: Date.UTC(2026, 9, 10, 13, 55, 36, 250),
    started: 1_000,
    duration: 20,
    kind: 'http',
    listener: 'https',
    secure: true,
    protocol: 'HTTP/2.0',
    method: 'GET',
    host: 'photos.localhost',
    uri: '/api/v1?page=2',
    clientAddress: '192.168.1.17',
    peerAddress: '10.0.0.1',
    peerPort: 40000,
    requestHeaders: ['user-agent', 'curl/8.0', 'referer', 'https://photos.localhost/'],
    status: 200,
    responseHeaders: { 'content-type': 'text/plain' },
    bytesReceived: 10,
    bytesSent: 256,
    aborted: false,
    route: 'photos-api',
    rule: 'routes.yaml:42',
    service: 'photos',
    target: 'http://127.0.0.1:3000',
    upstreamStatus: 200,
    upstreamDuration: 15,
    attempts: 1,
    decision: 'allow',
    ...changes,
  }
}
