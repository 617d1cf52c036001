import { setTimeout as sleep } from 'node:timers/promises'
import { openLoop } from '../load/open-loop.ts'
import { percentile } from '../load/percentile.ts'
import type { Row } from '../row.ts'
import { startPlainUpstream } from '../upstreams/plain.ts'

const rate = 1000

export const reload: Row = {
  name: 'reload',
  title: 'Reload under load',
  method: `${rate.toLocaleString('en')} requests per second, first in quiet, then with a reload every second. A request whose kept connection is closed before a byte came back is asked again, as browsers do, and is counted as repeated.`,
  quick: false,
  contenders: ['gatehouse', 'nginx', 'haproxy', 'caddy'],
  figures: [
    { key: 'failed', title: 'failed', unit: '' },
    { key: 'repeated', title: 'repeated', unit: '' },
    { key: 'p99', title: 'p99 with reloads', unit: 'ms' },
    { key: 'quiet', title: 'p99 in quiet', unit: 'ms' },
  ],
  targets: [
    { figure: 'failed', most: 0 },
    { figure: 'p99', over: { contender: 'gatehouse', figure: 'quiet' }, most: 2 },
  ],
  async prepare(bench) {
    const upstream = await startPlainUpstream(bench)
    return async (contender) => {
      const proxy = await bench.keep(contender, { upstream: upstream.port })
      const seconds = Math.max(bench.seconds, 2)
      const quiet = await openLoop({ port: proxy.port, rate, seconds })
      const [busy] = await Promise.all([
        openLoop({ port: proxy.port, rate, seconds: seconds + 1 }),
        reloadEverySecond(() => proxy.reload(), seconds),
      ])
      proxy.assertAlive()
      if (quiet.failed > 0) throw new Error(`${quiet.failed} requests failed in quiet: ${quiet.firstFailure}`)
      if (busy.failed > 0)
        console.log(`    ${contender.title}: ${busy.failed} requests failed: ${busy.firstFailure}`)
      return {
        failed: busy.failed,
        repeated: busy.repeated,
        p99: percentile(busy.latencies, 0.99),
        quiet: percentile(quiet.latencies, 0.99),
      }
    }
  },
}

async function reloadEverySecond(reload: () => Promise<void>, seconds: number): Promise<void> {
  for (let second = 0; second < seconds; second++) {
    await sleep(second === 0 ? 500 : 1000)
    await reload()
  }
}
