import type { Row } from '../row.ts'
import { prepareRelay, relayFigures } from './relay.ts'

export const relayH1: Row = {
  name: 'relay-h1',
  title: 'Plain relay, HTTP/1.1',
  method: 'wrk, 32 connections kept alive, 256 bytes a response; no policy and no access log.',
  quick: true,
  contenders: ['gatehouse', 'nginx', 'haproxy', 'caddy', 'http-proxy', 'fastify', 'middleware'],
  figures: relayFigures,
  targets: [
    { figure: 'cpu', over: { contender: 'caddy', figure: 'cpu' }, most: 0.65 },
    { figure: 'cpu', over: { contender: 'http-proxy', figure: 'cpu' }, most: 0.55 },
    { figure: 'cpu', over: { contender: 'nginx', figure: 'cpu' }, most: 2.5 },
  ],
  prepare: (bench) => prepareRelay(bench, { load: 'h1' }),
}
