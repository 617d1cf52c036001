import type { Running } from '../contenders/running.ts'
import { count } from '../load/count.ts'
import { wrk } from '../load/wrk.ts'
import { cpuTimesOf } from '../machine/process-tree.ts'
import type { Row } from '../row.ts'
import { type PlainUpstream, startPlainUpstream } from '../upstreams/plain.ts'

export const workers: Row = {
  name: 'workers',
  title: 'One worker and two',
  method:
    'As relay-h1 with 64 connections. On two cores the load would take from two workers what they could do, so the rate is not compared, but what the busiest process spends on a request: two workers can do as many times more as that has become less.',
  quick: false,
  contenders: ['gatehouse', 'nginx'],
  figures: [
    { key: 'gain', title: 'two can do, times one', unit: '' },
    { key: 'one', title: 'CPU of the busiest process per request, one worker', unit: 'µs' },
    { key: 'two', title: 'the same, two workers', unit: 'µs' },
  ],
  targets: [{ figure: 'gain', least: 1.8 }],
  async prepare(bench) {
    const upstream = await startPlainUpstream(bench)
    return async (contender) => {
      const first = await bench.keep(contender, { upstream: upstream.port })
      const second = await bench.keep(contender, { upstream: upstream.port, workers: 2 })
      const one = await busiest(first, upstream, bench.seconds)
      const two = await busiest(second, upstream, bench.seconds)
      return { one, two, gain: one / two }
    }
  },
}

/** Microseconds that the process which works most spends on a request, of all requests together. */
async function busiest(proxy: Running, upstream: PlainUpstream, seconds: number): Promise<number> {
  const before = cpuTimesOf(proxy.pid)
  let requests = 0
  const load = async () => {
    const outcome = await wrk({ port: proxy.port, seconds, connections: 64 })
    requests = outcome.requests
    return outcome
  }
  await count(proxy, upstream, { question: { port: proxy.port }, load })
  const spent = [...cpuTimesOf(proxy.pid)].map(([pid, time]) => time - (before.get(pid) ?? 0))
  return Math.max(...spent) / requests / 1000
}
