import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { pathOf } from '../harness/parts.ts'
import { request } from '../harness/request.ts'
import { tempFolder } from '../harness/temp-folder.ts'
import { startUpstream } from '../harness/upstream.ts'
import { judgeAll, type Part, type Side } from './row.ts'
import { runTool } from './run-tool.ts'

interface SlowAttack {
  readonly section: string
  readonly says: string
  readonly args: readonly string[]
  readonly path: string
  /** Whether the proxy should have ended them by then. */
  readonly ends: boolean
}

/** 200 connections each, bounded in time. Ours are ended after headTimeout (15 s) and by minUploadRate (10 s). */
const attacks: readonly SlowAttack[] = [
  {
    section: 'slowloris',
    says: 'heads that never end',
    args: ['-H', '-i', '5', '-l', '24'],
    path: '/',
    ends: true,
  },
  {
    section: 'r-u-dead-yet',
    says: 'bodies that drip',
    args: ['-B', '-i', '5', '-l', '20', '-s', '8192', '-t', 'POST'],
    path: '/',
    ends: true,
  },
  {
    section: 'slow read',
    says: 'answers that are not taken',
    args: ['-X', '-l', '15', '-w', '1', '-y', '1', '-n', '5', '-z', '1'],
    path: '/big',
    ends: false,
  },
]

/** Clients that are slow on purpose: others are served meanwhile, and the slow ones are ended where they should be. */
export const slow: Part = {
  title: 'Slow clients (slowhttptest)',
  needs: ['slowhttptest'],
  async run(t, { start }) {
    const big = Buffer.alloc(1 << 20, 'x')
    const { port } = await startUpstream(t, (request, response) => {
      request.on('error', () => {})
      request.resume().once('end', () => response.end(request.url === '/big' ? big : 'small'))
    })
    const sides = await start(t, port)
    return judgeAll(sides, attacks, async (side: Side, { args, path, ends }) => {
      const folder = await tempFolder(t)
      const url = `http://127.0.0.1:${side.plain}`
      const others = askNowAndThen(url)
      const options = ['-c', '200', '-r', '100', '-u', `${url}${path}`, '-g', '-o', 'seen']
      await runTool(pathOf('slowhttptest'), [...args, ...options], { cwd: folder, timeout: 60_000 })
      const slowest = await others.stop()
      const last = (await readFile(join(folder, 'seen.csv'), 'utf8')).trim().split('\n').at(-1)
      const [second = 0, closed = 0, pending = 0, connected = 0] = last?.split(',').map(Number) ?? []
      const seen = `others waited ${slowest === undefined ? 'in vain' : `${slowest} ms at most`}; after ${second} s ${closed} were ended, ${connected + pending} left`
      const grade =
        slowest === undefined || closed + connected + pending < 150
          ? 'wrong'
          : ends && closed < 100
            ? 'tolerable'
            : 'right'
      return { grade, seen }
    })
  },
}

/** Asks for a small page every half second. `stop` answers the longest wait in milliseconds, or undefined if one failed. */
function askNowAndThen(url: string): { stop(): Promise<number | undefined> } {
  const waits: Promise<number>[] = []
  const ask = async (): Promise<number> => {
    const start = performance.now()
    const { text } = await request(url, { timeout: 15_000 })
    if (text !== 'small') throw new Error('Another answer')
    return Math.round(performance.now() - start)
  }
  const timer = setInterval(() => {
    const wait = ask()
    wait.catch(() => {})
    waits.push(wait)
  }, 500)
  return {
    async stop() {
      clearInterval(timer)
      const settled = await Promise.allSettled(waits)
      const done = settled.flatMap((each) => (each.status === 'fulfilled' ? [each.value] : []))
      return done.length === settled.length && done.length > 0 ? Math.max(...done) : undefined
    },
  }
}
