import { ask } from '../contenders/ask.ts'
import { settledMemoryOf } from '../machine/settle.ts'
import type { Row } from '../row.ts'
import { assertPlainAnswer, startPlainUpstream } from '../upstreams/plain.ts'

export const start: Row = {
  name: 'start',
  title: 'From start to the first answered request',
  method:
    'The command is started on a core of its own and asked every 5 ms until it answers. Files and compiled code are cached from earlier starts.',
  quick: true,
  cold: true,
  contenders: ['gatehouse', 'nginx', 'haproxy', 'caddy', 'http-proxy', 'fastify', 'middleware'],
  figures: [
    { key: 'time', title: 'time', unit: 'ms' },
    { key: 'memory', title: 'memory (PSS), idle', unit: 'MB' },
  ],
  targets: [{ figure: 'time', most: 1000 }],
  async prepare(bench) {
    const upstream = await startPlainUpstream(bench)
    return async (contender) => {
      const proxy = await bench.start(contender, { upstream: upstream.port })
      try {
        assertPlainAnswer(await ask({ port: proxy.port }), contender.title)
        return { time: proxy.startTime, memory: (await settledMemoryOf(proxy.pid)) / 1e6 }
      } finally {
        await proxy.stop()
      }
    }
  },
}
