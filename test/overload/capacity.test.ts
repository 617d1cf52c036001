/**
 * A worker that is asked for three times what a core can do.
 *
 * Fault: each request is begun, all of them share the core, and the wait of everybody grows for as long as the load
 * lasts; when the first answers come, their clients have given up and asked again. And the line is where nobody sees
 * it, in sockets that are not read and connections that are not taken.
 *
 * Right: what is begun is answered about as fast as ever, as much of it as without the overload, and the rest is told
 * at once.
 */
import assert from 'node:assert/strict'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, describe, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { served } from '../cluster/served.ts'
import { eventually } from '../harness/eventually.ts'
import { request } from '../harness/request.ts'
import { tempFolder } from '../harness/temp-folder.ts'
import { startUpstream } from '../harness/upstream.ts'
import { type Answer, openCrowd, quantile } from './open-loop.ts'

const t = { after }
/** Milliseconds of the core that each request costs. */
const cost = 4
const burn = `export default {
  kind: 'policy',
  create: () => ({
    name: 'burn',
    decide() {
      const end = performance.now() + ${cost}
      while (performance.now() < end);
      return { verdict: 'pass' }
    },
  }),
}\n`

const folder = await tempFolder(t)
const extension = join(folder, 'burn.ts')
const accessLog = join(folder, 'access.log')
await writeFile(extension, burn)
const upstream = await startUpstream(t, (_request, response) => response.end('fine'))
const routes = `
  - { name: dear, to: "${upstream.url}", policies: { burn: {} } }
  - { name: cheap, match: { path: /cheap }, to: "${upstream.url}" }`
const gatehouse = await served(t, routes, {
  settings: [
    'limits: { delay: 100ms }',
    `extensions: { burn: "${extension}" }`,
    `accessLog: { file: "${accessLog}" }`,
  ].join('\n'),
})
const { ask, askOften } = openCrowd(t, gatehouse.url)
for (let i = 0; i < 20; i++) assert.equal((await ask()).status, 200)
// The crowd has come already: a worker takes one new connection in each turn of its loop, so a busy one takes them slowly.
await Promise.all(Array.from({ length: 300 }, () => ask('/cheap')))

const capacity = await measureCapacity()
const health = watchHealth()
const answers = await askOften(capacity * 3, 3)
const healthAnswers = await health.stop()

/** Without the first half second, in which the line is not yet known to be one that stands. */
const settled = (): Answer[] => answers.filter(({ at }) => at > 500)

describe('at three times what a core can do', () => {
  test('everybody is answered, with 200 or with 503 and the time to come back', () => {
    assert.ok(answers.length > capacity * 2)
    for (const { status, code, retryAfter } of answers) {
      if (status === 200) continue
      assert.deepEqual([status, code], [503, 'overloaded'])
      assert.match(retryAfter ?? '', /^[1-5]$/)
    }
  })

  test('as much is served as the core can do', () => {
    const second = settled().filter(({ status }) => status === 200).length / 2.5
    assert.ok(second > capacity / 3, `${second} of ${capacity} a second`)
  })

  test('what is served does not wait for what is too much', () => {
    const times = settled().flatMap(({ status, took }) => (status === 200 ? [took] : []))
    // Without the limit half of them would wait longer than three seconds, on a machine of any speed.
    assert.ok(quantile(times, 0.5) < 1500, `half took ${quantile(times, 0.5)} ms`)
    assert.ok(quantile(times, 0.99) < 3500, `one in a hundred took ${quantile(times, 0.99)} ms`)
  })

  test('what is refused is refused soon', () => {
    const times = settled().flatMap(({ status, took }) => (status === 503 ? [took] : []))
    assert.ok(times.length > capacity, `${times.length} were refused`)
    assert.ok(quantile(times, 0.5) < 1500, `half took ${quantile(times, 0.5)} ms`)
  })

  test('the process stays ready, and says so at once', () => {
    assert.ok(healthAnswers.length > 10)
    assert.deepEqual([...new Set(healthAnswers.map(({ status }) => status))], [200])
    const times = healthAnswers.map(({ took }) => took)
    assert.ok(quantile(times, 0.9) < 1000, `one in ten took ${quantile(times, 0.9)} ms`)
  })

  test('each refusal is counted, logged once, and told of once a minute', async () => {
    const refused = answers.filter(({ status }) => status === 503).length
    const metrics = await gatehouse.metrics()
    assert.match(
      metrics,
      new RegExp(`^gatehouse_overload_refusals_total\\{reason="delay"\\} ${refused}$`, 'm'),
    )
    assert.match(metrics, /^gatehouse_exchanges_in_flight\{protocol="http"\} 0$/m)
    assert.match(metrics, /^gatehouse_event_loop_delay_seconds \d/m)
    await eventually(async () => {
      const lines = (await readFile(accessLog, 'utf8')).split('\n')
      assert.equal(lines.filter((line) => line.includes('"overloaded"')).length, refused)
      return true
    })
    assert.equal(gatehouse.output.stderr.match(/overloaded, and new exchanges are refused/g)?.length, 1)
  })

  test('it is over when it is over', async () => {
    for (let i = 0; i < 5; i++) assert.equal((await ask()).status, 200)
  })
})

/** Four clients that wait for each answer keep a core busy, and nobody waits long. Requests a second. */
async function measureCapacity(): Promise<number> {
  let count = 0
  const end = performance.now() + 1000
  const client = async (): Promise<void> => {
    while (performance.now() < end) if ((await ask()).status === 200) count++
  }
  await Promise.all([client(), client(), client(), client()])
  return count
}

/** What the admin listener says meanwhile: the status of /readyz, and how long it took. */
function watchHealth(): { stop(): Promise<{ status: number; took: number }[]> } {
  const said: { status: number; took: number }[] = []
  let watching = true
  const watched = (async () => {
    while (watching) {
      const asked = performance.now()
      const { status } = await request(`${gatehouse.report.admin}/readyz`)
      said.push({ status, took: performance.now() - asked })
      await sleep(20)
    }
  })()
  return {
    async stop() {
      watching = false
      await watched
      return said
    },
  }
}
