import { echoFor, openTunnels } from '../load/tunnels.ts'
import { cpuTimeOf } from '../machine/process-tree.ts'
import type { Row } from '../row.ts'
import { startEchoUpstream } from '../upstreams/echo.ts'

export const tunnelEcho: Row = {
  name: 'tunnel-echo',
  title: 'WebSocket echo',
  method:
    '100 tunnels, on each a message of 64 bytes there and back, again and again; each echo is compared.',
  quick: false,
  contenders: ['gatehouse', 'nginx', 'haproxy', 'caddy', 'http-proxy'],
  figures: [
    { key: 'cpu', title: 'CPU per message there and back', unit: 'µs' },
    { key: 'rate', title: 'messages', unit: '/s' },
  ],
  targets: [{ figure: 'cpu', over: { contender: 'http-proxy', figure: 'cpu' }, most: 1 }],
  async prepare(bench) {
    const upstream = await startEchoUpstream(bench)
    return async (contender) => {
      const proxy = await bench.keep(contender, { upstream: upstream.port })
      const tunnels = await openTunnels(proxy.port, 100)
      const cpuBefore = cpuTimeOf(proxy.pid)
      const start = performance.now()
      const messages = await echoFor(tunnels, bench.seconds)
      const seconds = (performance.now() - start) / 1000
      const cpu = cpuTimeOf(proxy.pid) - cpuBefore
      for (const tunnel of tunnels) tunnel.terminate()
      return { cpu: cpu / messages / 1000, rate: messages / seconds }
    }
  },
}
