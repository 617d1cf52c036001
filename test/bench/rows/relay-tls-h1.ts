import type { Row } from '../row.ts'
import { prepareRelay, relayFigures } from './relay.ts'

export const relayTlsH1: Row = {
  name: 'relay-tls-h1',
  title: 'Plain relay, HTTP/1.1 over TLS',
  method: 'wrk, 32 connections kept alive, TLS 1.3, 256 bytes a response; no policy and no access log.',
  quick: false,
  contenders: ['gatehouse', 'nginx', 'haproxy', 'caddy'],
  figures: relayFigures,
  targets: [],
  prepare: (bench) => prepareRelay(bench, { load: 'tls-h1' }),
}
