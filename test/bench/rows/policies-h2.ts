import type { Row } from '../row.ts'
import { preparePolicies } from './policies.ts'
import { relayFigures } from './relay.ts'

export const policiesH2: Row = {
  name: 'policies-h2',
  title: 'Every policy, HTTP/2 over TLS',
  method: 'As relay-tls-h2, with the policies of policies-h1 in Gatehouse and none in the others.',
  quick: true,
  contenders: ['gatehouse', 'nginx', 'caddy'],
  figures: relayFigures,
  targets: [{ figure: 'cpu', over: { contender: 'caddy', figure: 'cpu' }, most: 0.5 }],
  prepare: (bench) => preparePolicies(bench, 'tls-h2'),
}
