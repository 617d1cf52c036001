import { echo, openTunnels } from '../load/tunnels.ts'
import { settledMemoryOf } from '../machine/settle.ts'
import type { Row } from '../row.ts'
import { startEchoUpstream } from '../upstreams/echo.ts'

const tunnels = 5000

export const idleTunnels: Row = {
  name: 'tunnels',
  title: '5,000 idle WebSocket tunnels',
  method: 'Tunnels are opened a hundred at a time and left alone; afterwards fifty of them must still echo.',
  quick: false,
  cold: true,
  contenders: ['gatehouse', 'nginx', 'haproxy', 'caddy', 'http-proxy'],
  figures: [
    { key: 'memory', title: 'memory (PSS) per tunnel', unit: 'KB' },
    { key: 'opening', title: 'opened', unit: '/s' },
  ],
  targets: [{ figure: 'memory', over: { contender: 'nginx', figure: 'memory' }, most: 2 }],
  async prepare(bench) {
    const upstream = await startEchoUpstream(bench)
    return async (contender) => {
      const proxy = await bench.start(contender, { upstream: upstream.port })
      try {
        for (const tunnel of await openTunnels(proxy.port, 100)) tunnel.terminate()
        const before = await settledMemoryOf(proxy.pid)
        const start = performance.now()
        const open = await openTunnels(proxy.port, tunnels)
        const opening = tunnels / ((performance.now() - start) / 1000)
        const after = await settledMemoryOf(proxy.pid)
        for (const [index, tunnel] of open.entries())
          if (index % 100 === 0) await echo(tunnel, `still there ${index}?`)
        for (const tunnel of open) tunnel.terminate()
        return { memory: (after - before) / tunnels / 1000, opening }
      } finally {
        await proxy.stop()
      }
    }
  },
}
