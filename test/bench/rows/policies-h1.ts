import type { Row } from '../row.ts'
import { preparePolicies } from './policies.ts'
import { relayFigures } from './relay.ts'

export const policiesH1: Row = {
  name: 'policies-h1',
  title: 'Every policy, HTTP/1.1 over TLS',
  method:
    'As relay-tls-h1. Gatehouse checks addresses, counts a rate limit, verifies a token that it knows, sets security headers, keeps metrics and writes the access log; the others do none of it.',
  quick: true,
  contenders: ['gatehouse', 'nginx', 'caddy'],
  figures: relayFigures,
  targets: [{ figure: 'cpu', over: { contender: 'caddy', figure: 'cpu' }, most: 0.9 }],
  prepare: (bench) => preparePolicies(bench, 'tls-h1'),
}
