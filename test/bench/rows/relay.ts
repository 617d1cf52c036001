import type { Contender, Setup } from '../contenders/contender.ts'
import type { Running } from '../contenders/running.ts'
import { type Counted, count } from '../load/count.ts'
import { h2load } from '../load/h2load.ts'
import { wrk } from '../load/wrk.ts'
import { memoryOf } from '../machine/process-tree.ts'
import type { Bench, Figure, Measure, Sample } from '../row.ts'
import { startPlainUpstream } from '../upstreams/plain.ts'

/** What is said of every plain relay. */
export const relayFigures: readonly Figure[] = [
  { key: 'cpu', title: 'CPU per request', unit: 'µs' },
  { key: 'rate', title: 'requests', unit: '/s' },
  { key: 'memory', title: 'memory (PSS) after it', unit: 'MB' },
]

export interface RelayOptions {
  readonly load: 'h1' | 'tls-h1' | 'tls-h2'
  /** What a contender is asked to serve, beside the upstream. */
  readonly setup?: (contender: Contender) => Partial<Setup>
  readonly headers?: Readonly<Record<string, string>>
}

/** Relays 256 bytes as fast as it goes: the measurement of all rows about CPU per request. */
export async function prepareRelay(bench: Bench, { load, setup, headers }: RelayOptions): Promise<Measure> {
  const upstream = await startPlainUpstream(bench)
  const tls = load !== 'h1'
  return async (contender): Promise<Sample> => {
    const proxy = await bench.keep(contender, { upstream: upstream.port, tls, ...setup?.(contender) })
    const question = { port: tls ? proxy.tlsPort : proxy.port, secure: tls, headers }
    const { seconds } = bench
    const run = () =>
      load === 'tls-h2'
        ? h2load({ port: proxy.tlsPort, seconds, headers })
        : wrk({ port: question.port, secure: tls, seconds, headers })
    return withMemory(proxy, await count(proxy, upstream, { question, load: run }))
  }
}

function withMemory(proxy: Running, { cpu, rate }: Counted): Sample {
  return { cpu, rate, memory: memoryOf(proxy.pid).pss / 1e6 }
}
