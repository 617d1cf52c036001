import { setTimeout as sleep } from 'node:timers/promises'
import { makeToken } from '../contenders/gatehouse.ts'
import type { Running } from '../contenders/running.ts'
import { openLoop } from '../load/open-loop.ts'
import { percentile } from '../load/percentile.ts'
import type { Row } from '../row.ts'
import { startPlainUpstream } from '../upstreams/plain.ts'

const rate = 1000

export const leases: Row = {
  name: 'leases',
  title: 'Lease changes under load',
  method: `${rate.toLocaleString('en')} requests per second, first in quiet, then while two targets take turns four times a second: one is announced, the other drained and ended.`,
  quick: false,
  contenders: ['gatehouse'],
  figures: [
    { key: 'failed', title: 'failed', unit: '' },
    { key: 'p99', title: 'p99 with changes', unit: 'ms' },
    { key: 'quiet', title: 'p99 in quiet', unit: 'ms' },
  ],
  targets: [
    { figure: 'failed', most: 0 },
    { figure: 'p99', over: { contender: 'gatehouse', figure: 'quiet' }, most: 2 },
  ],
  async prepare(bench) {
    const upstream = await startPlainUpstream(bench)
    return async (contender) => {
      const proxy = await bench.keep(contender, { upstream: upstream.port, leased: true })
      const say = await announcer(proxy, upstream.port)
      await say('one', 'ready')
      const seconds = Math.max(bench.seconds, 2)
      const quiet = await openLoop({ port: proxy.port, rate, seconds })
      const [busy] = await Promise.all([
        openLoop({ port: proxy.port, rate, seconds: seconds + 1 }),
        takeTurns(say, seconds * 4),
      ])
      if (quiet.failed > 0) throw new Error(`${quiet.failed} requests failed in quiet: ${quiet.firstFailure}`)
      if (busy.failed > 0) console.log(`    ${busy.failed} requests failed: ${busy.firstFailure}`)
      const [p99, quietP99] = [busy, quiet].map(({ latencies }) => percentile(latencies, 0.99))
      return { failed: busy.failed, p99: p99 ?? 0, quiet: quietP99 ?? 0 }
    }
  },
}

type Say = (id: string, state: 'ready' | 'draining' | 'gone') => Promise<void>

/** Announces targets as services do, with a token of their own. Throws if that is refused. */
async function announcer({ place }: Running, port: number): Promise<Say> {
  const authorization = `Bearer ${await makeToken(place)}`
  return async (id, state) => {
    const response = await fetch(`http://127.0.0.1:${place.adminPort}/v1/upstreams/upstream/targets/${id}`, {
      method: state === 'gone' ? 'DELETE' : 'PUT',
      headers: { authorization, 'content-type': 'application/json' },
      body: state === 'gone' ? undefined : JSON.stringify({ url: `http://127.0.0.1:${port}`, state }),
    })
    if (!response.ok)
      throw new Error(`${id} could not be announced: ${response.status} ${await response.text()}`)
  }
}

/** Each turn brings one target and takes the other, a quarter of a second for both. It ends as it began. */
async function takeTurns(say: Say, turns: number): Promise<void> {
  for (let turn = 0; turn < turns; turn++) {
    const [next, last] = turn % 2 === 0 ? ['two', 'one'] : ['one', 'two']
    await say(next, 'ready')
    await say(last, 'draining')
    await sleep(250)
    await say(last, 'gone')
  }
}
