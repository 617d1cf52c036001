import { pathOf } from '../harness/parts.ts'
import { startUpstream } from '../harness/upstream.ts'
import { judgeAll, type Part, type Side } from './row.ts'
import { runTool } from './run-tool.ts'

interface Load {
  readonly section: string
  readonly says: string
  readonly args: readonly string[]
  readonly path: string
  readonly port: 'plain' | 'secure'
}

const bytes = Buffer.alloc(200_000, 'x')

const loads: readonly Load[] = [
  {
    section: 'h2',
    says: '5,000 requests, 10 connections of 20 streams',
    args: ['-n', '5000', '-c', '10', '-m', '20'],
    path: '/',
    port: 'secure',
  },
  {
    section: 'h2',
    says: '100 answers of 200 kB through windows of 64 kB',
    args: ['-n', '100', '-c', '5', '-m', '4', '-w', '16', '-W', '16'],
    path: '/big',
    port: 'secure',
  },
  {
    section: 'http/1.1 in TLS',
    says: '5,000 requests, 10 connections',
    args: ['--h1', '-n', '5000', '-c', '10'],
    path: '/',
    port: 'secure',
  },
  {
    section: 'http/1.1',
    says: '5,000 requests, 10 connections',
    args: ['--h1', '-n', '5000', '-c', '10'],
    path: '/',
    port: 'plain',
  },
]

/** A client that is not ours, with many requests at once: each is answered. */
export const load: Part = {
  title: 'Many requests at once (h2load)',
  needs: ['h2load'],
  async run(t, { start }) {
    const { port } = await startUpstream(t, (request, response) => {
      request.resume().once('end', () => response.end(request.url === '/big' ? bytes : 'small'))
    })
    const sides = await start(t, port)
    return judgeAll(sides, loads, async (side: Side, { args, path, port: which }) => {
      const scheme = which === 'secure' ? 'https' : 'http'
      const said = await runTool(pathOf('h2load'), [...args, `${scheme}://127.0.0.1:${side[which]}${path}`], {
        timeout: 60_000,
      })
      const total = /(\d+) total, .* (\d+) succeeded, (\d+) failed/.exec(said)
      const good = /(\d+) 2xx, 0 3xx, 0 4xx, 0 5xx/.exec(said)?.[1]
      const seen = total ? `${good ?? 0} of ${total[1]} answered 200` : said.slice(-100)
      return { grade: total !== null && total[1] === good && total[3] === '0' ? 'right' : 'wrong', seen }
    })
  },
}
