import { openLoop } from '../load/open-loop.ts'
import { percentile } from '../load/percentile.ts'
import { cpuTimeOf } from '../machine/process-tree.ts'
import type { Row } from '../row.ts'
import { startPlainUpstream } from '../upstreams/plain.ts'

const rate = 3000

export const latency: Row = {
  name: 'latency',
  title: `Latency at ${rate.toLocaleString('en')} requests per second, HTTP/1.1`,
  method:
    'Requests are sent when they are due, however slow the answers are, on 32 connections kept alive; the clock of each starts when it is due. All proxies could do more than this rate. CPU per request is higher than under full load, because more of them are woken for each.',
  quick: false,
  contenders: ['gatehouse', 'nginx', 'haproxy', 'caddy', 'http-proxy', 'fastify', 'middleware', 'direct'],
  figures: [
    { key: 'p99', title: 'p99', unit: 'ms' },
    { key: 'p50', title: 'median', unit: 'ms' },
    { key: 'p999', title: 'p99.9', unit: 'ms' },
    { key: 'cpu', title: 'CPU per request', unit: 'µs' },
  ],
  targets: [],
  async prepare(bench) {
    const upstream = await startPlainUpstream(bench)
    return async (contender) => {
      const proxy = await bench.keep(contender, { upstream: upstream.port })
      const cpuBefore = cpuTimeOf(proxy.pid)
      const outcome = await openLoop({ port: proxy.port, rate, seconds: bench.seconds })
      const cpu = (cpuTimeOf(proxy.pid) - cpuBefore) / outcome.requests / 1000
      if (outcome.failed > 0) throw new Error(`${outcome.failed} requests failed: ${outcome.firstFailure}`)
      const at = (share: number) => percentile(outcome.latencies, share)
      const times = { p50: at(0.5), p99: at(0.99), p999: at(0.999) }
      return contender.name === 'direct' ? times : { ...times, cpu }
    }
  },
}
