import { openLoop } from '../load/open-loop.ts'
import { percentile } from '../load/percentile.ts'
import { signToken } from '../load/token.ts'
import { cpuTimeOf } from '../machine/process-tree.ts'
import type { Row } from '../row.ts'
import { startPlainUpstream } from '../upstreams/plain.ts'

const rate = 2000

export const tokens: Row = {
  name: 'tokens',
  title: 'A token that is known, and one that is new',
  method: `${rate.toLocaleString('en')} requests per second with no policy, with \`jwt\` (HS256) and one token for all, and with a new token for each.`,
  quick: false,
  contenders: ['gatehouse'],
  figures: [
    { key: 'warm', title: 'CPU, known token', unit: 'µs' },
    { key: 'cold', title: 'CPU, new token', unit: 'µs' },
    { key: 'none', title: 'CPU, no policy', unit: 'µs' },
    { key: 'warmP99', title: 'p99, known', unit: 'ms' },
    { key: 'coldP99', title: 'p99, new', unit: 'ms' },
    { key: 'noneP99', title: 'p99, no policy', unit: 'ms' },
  ],
  targets: [{ figure: 'warm', over: { contender: 'gatehouse', figure: 'none' }, most: 1.1 }],
  async prepare(bench) {
    const upstream = await startPlainUpstream(bench)
    const known = `Authorization: Bearer ${signToken('known')}\r\n`
    let subjects = 0
    return async (contender) => {
      const open = await bench.keep(contender, { upstream: upstream.port })
      const guarded = await bench.keep(contender, { upstream: upstream.port, tokens: true })
      const refused = await openLoop({ port: guarded.port, rate: 100, seconds: 0.1 })
      if (refused.failed !== refused.requests) throw new Error('A request without a token got through.')
      const fresh = Array.from(
        { length: rate * bench.seconds },
        () => `Authorization: Bearer ${signToken(`somebody-${subjects++}`)}\r\n`,
      )
      const none = await run(open, () => '')
      const warm = await run(guarded, () => known)
      const cold = await run(guarded, (index) => fresh[index] ?? '')
      return {
        none: none.cpu,
        warm: warm.cpu,
        cold: cold.cpu,
        noneP99: none.p99,
        warmP99: warm.p99,
        coldP99: cold.p99,
      }
    }

    async function run({ pid, port }: { pid: number; port: number }, headers: (index: number) => string) {
      const cpuBefore = cpuTimeOf(pid)
      const outcome = await openLoop({ port, rate, seconds: bench.seconds, headers })
      const cpu = (cpuTimeOf(pid) - cpuBefore) / outcome.requests / 1000
      if (outcome.failed > 0) throw new Error(`${outcome.failed} requests failed: ${outcome.firstFailure}`)
      return { cpu, p99: percentile(outcome.latencies, 0.99) }
    }
  },
}
