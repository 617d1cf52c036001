import type { Row } from '../row.ts'
import { prepareRelay, relayFigures } from './relay.ts'

export const relayTlsH2: Row = {
  name: 'relay-tls-h2',
  title: 'Plain relay, HTTP/2 over TLS',
  method: 'h2load, 8 connections of 16 streams, TLS 1.3, 256 bytes a response; no policy and no access log.',
  quick: true,
  contenders: ['gatehouse', 'nginx', 'haproxy', 'caddy'],
  figures: relayFigures,
  targets: [],
  prepare: (bench) => prepareRelay(bench, { load: 'tls-h2' }),
}
