import { handshakes } from '../load/handshakes.ts'
import { cpuTimeOf } from '../machine/process-tree.ts'
import type { Row } from '../row.ts'
import { startPlainUpstream } from '../upstreams/plain.ts'

export const tlsHandshakes: Row = {
  name: 'handshakes',
  title: 'TLS 1.3 handshakes',
  method:
    'A new connection for every request, eight at a time, with a P-256 certificate: with a full handshake, and with the session of an earlier one. The client does less than the proxies could.',
  quick: false,
  contenders: ['gatehouse', 'nginx', 'haproxy', 'caddy'],
  figures: [
    { key: 'full', title: 'CPU, full handshake and request', unit: 'µs' },
    { key: 'resumed', title: 'CPU, resumed session and request', unit: 'µs' },
  ],
  targets: [],
  async prepare(bench) {
    const upstream = await startPlainUpstream(bench)
    return async (contender) => {
      const { pid, tlsPort } = await bench.keep(contender, { upstream: upstream.port, tls: true })
      const run = async (resume: boolean) => {
        const cpuBefore = cpuTimeOf(pid)
        const count = await handshakes({ port: tlsPort, seconds: bench.seconds, resume })
        return (cpuTimeOf(pid) - cpuBefore) / (count + 8) / 1000
      }
      return { full: await run(false), resumed: await run(true) }
    }
  },
}
