import type { Running } from '../contenders/running.ts'
import { download, upload } from '../load/transfer.ts'
import { cpuTimeOf, forgetPeakMemory, peakMemoryOf } from '../machine/process-tree.ts'
import type { Row } from '../row.ts'
import { type BodyMark, markOf, startBodiesUpstream } from '../upstreams/bodies.ts'

const megabyte = 1_000_000

export const bodies: Row = {
  name: 'bodies',
  title: '100 MB down and up, HTTP/1.1',
  method:
    'Three downloads and three uploads of 100 MB, one after another; each is checked by length and checksum. The peak is resident memory of all processes, with bodies of 25 MB and of 100 MB.',
  quick: true,
  contenders: ['gatehouse', 'nginx', 'haproxy', 'caddy', 'http-proxy'],
  figures: [
    { key: 'down', title: 'CPU down', unit: 'ms/GB' },
    { key: 'up', title: 'CPU up', unit: 'ms/GB' },
    { key: 'downRate', title: 'down', unit: 'MB/s' },
    { key: 'upRate', title: 'up', unit: 'MB/s' },
    { key: 'peak25', title: 'peak at 25 MB', unit: 'MB' },
    { key: 'peak100', title: 'peak at 100 MB', unit: 'MB' },
  ],
  targets: [
    { figure: 'down', over: { contender: 'nginx', figure: 'down' }, most: 1.2 },
    { figure: 'up', over: { contender: 'nginx', figure: 'up' }, most: 1.2 },
    { figure: 'peak100', over: { contender: 'gatehouse', figure: 'peak25' }, most: 1.2 },
  ],
  async prepare(bench) {
    const upstream = await startBodiesUpstream(bench)
    const expected = new Map([25, 100].map((size) => [size, markOf(size * megabyte)]))
    return async (contender) => {
      const proxy = await bench.keep(contender, { upstream: upstream.port })
      const run = (transfer: Transfer, size: number) =>
        transferAll(proxy, { transfer, expected: expected.get(size) })

      forgetPeakMemory(proxy.pid)
      await run(download, 25)
      await run(upload, 25)
      const peak25 = peakMemoryOf(proxy.pid) / 1e6
      forgetPeakMemory(proxy.pid)
      const down = await run(download, 100)
      const up = await run(upload, 100)
      const peak100 = peakMemoryOf(proxy.pid) / 1e6
      return { down: down.cpu, up: up.cpu, downRate: down.rate, upRate: up.rate, peak25, peak100 }
    }
  },
}

type Transfer = (port: number, bytes: number) => Promise<BodyMark>

/** Three transfers, checked: milliseconds of CPU for a gigabyte, and megabytes in a second. */
async function transferAll(
  proxy: Running,
  { transfer, expected }: { transfer: Transfer; expected: BodyMark | undefined },
): Promise<{ cpu: number; rate: number }> {
  if (!expected) throw new Error('No such body.')
  const cpuBefore = cpuTimeOf(proxy.pid)
  const start = performance.now()
  for (let turn = 0; turn < 3; turn++) {
    const mark = await transfer(proxy.port, expected.bytes)
    if (mark.bytes !== expected.bytes || mark.checksum !== expected.checksum)
      throw new Error(
        `A body was changed on the way: ${JSON.stringify(mark)} instead of ${JSON.stringify(expected)}`,
      )
  }
  const seconds = (performance.now() - start) / 1000
  const cpu = (cpuTimeOf(proxy.pid) - cpuBefore) / 1e6
  const total = 3 * expected.bytes
  proxy.assertAlive()
  return { cpu: cpu / (total / 1e9), rate: total / megabyte / seconds }
}
