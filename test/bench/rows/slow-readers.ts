import { download, startDownload } from '../load/transfer.ts'
import { settledMemoryOf } from '../machine/settle.ts'
import type { Row } from '../row.ts'
import { markOf, startBodiesUpstream } from '../upstreams/bodies.ts'

const readers = 50
const bytes = 100_000_000

export const slowReaders: Row = {
  name: 'slow-readers',
  title: 'Clients that stop reading',
  method: `${readers} clients ask for 100 MB and stop reading after the first bytes. One of them then reads on, and must get the whole.`,
  quick: false,
  cold: true,
  contenders: ['gatehouse', 'nginx', 'haproxy', 'caddy', 'http-proxy'],
  figures: [{ key: 'memory', title: 'memory (PSS) per reader', unit: 'KB' }],
  targets: [{ figure: 'memory', over: { contender: 'http-proxy', figure: 'memory' }, most: 1 }],
  async prepare(bench) {
    const upstream = await startBodiesUpstream(bench)
    const expected = markOf(bytes)
    return async (contender) => {
      const proxy = await bench.start(contender, { upstream: upstream.port })
      try {
        await download(proxy.port, 1_000_000)
        const before = await settledMemoryOf(proxy.pid)
        const downloads = await Promise.all(
          Array.from({ length: readers }, () => startDownload(proxy.port, bytes)),
        )
        for (const each of downloads) each.pause()
        const after = await settledMemoryOf(proxy.pid)
        const [first, ...others] = downloads
        const mark = await first?.finish()
        for (const each of others) each.abandon()
        if (mark?.checksum !== expected.checksum) throw new Error('A body was changed on the way.')
        return { memory: (after - before) / readers / 1000 }
      } finally {
        await proxy.stop()
      }
    }
  },
}
