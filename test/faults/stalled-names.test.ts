/**
 * Names that nobody answers for.
 *
 * Fault: the system looks names up in two threads. A name server that says nothing holds one for ten seconds, so a
 * handful of requests to one upstream whose name stalls kept the names of all others waiting, until those were
 * answered 503 as well; and a name server that was away for a minute took every upstream with it that is known by
 * a name.
 *
 * Right: a name is asked for once at a time, whoever waits for it; and where the name server is late, what it said
 * last holds.
 */
import assert from 'node:assert/strict'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import type { StartReport } from '../../proxy/cli/start-text.ts'
import { startCli } from '../harness/cli.ts'
import { eventually } from '../harness/eventually.ts'
import { startNameServer } from '../harness/name-server.ts'
import { needs } from '../harness/parts.ts'
import { type Reply, request } from '../harness/request.ts'
import type { Teardown } from '../harness/teardown.ts'
import { tempFolder } from '../harness/temp-folder.ts'
import { startUpstream } from '../harness/upstream.ts'

test(
  'an upstream whose name stalls keeps nobody else waiting, and is asked for once',
  needs('netns'),
  async (t) => {
    const names = await startNameServer(t, { 'stalled.test': undefined, 'well.test': '127.0.0.1' })
    const ask = await serve(t, names.by)
    const crowd = Array.from({ length: 40 }, () => ask('/stalled'))
    await eventually(() => names.asked.has('stalled.test'))
    for (let i = 0; i < 5; i++) assert.equal((await ask('/well')).status, 200)
    assert.equal((await ask('/files/')).status, 200)
    for (const { status } of await Promise.all(crowd))
      assert.ok(status === 503 || status === 504, String(status))
    // One question for each of IPv4 and IPv6, and each twice, as resolvers do. Not one for each request.
    assert.ok((names.asked.get('stalled.test') ?? 0) <= 8, `${names.asked.get('stalled.test')} questions`)
  },
)

test(
  'a name server that falls silent takes no upstream along that it has named before',
  needs('netns'),
  async (t) => {
    const names = await startNameServer(t, { 'well.test': '127.0.0.1' })
    const ask = await serve(t, names.by)
    assert.equal((await ask('/well')).status, 200)
    names.names.set('well.test', undefined)
    for (let i = 0; i < 3; i++) assert.equal((await ask('/well')).status, 200)
    // That it is gone, said by a name server that is well, is believed.
    names.names.delete('well.test')
    await eventually(async () => (await ask('/well')).status === 503, { timeout: 30_000, every: 500 })
  },
)

/** The real command behind that name server. Its upstream ends each connection, so that each request needs a new one. */
async function serve(t: Teardown, by: readonly string[]): Promise<(path: string) => Promise<Reply>> {
  const upstream = await startUpstream(t, (_request, response) => {
    response.setHeader('connection', 'close')
    response.end('well')
  })
  const folder = await tempFolder(t)
  await writeFile(join(folder, 'index.html'), 'a page')
  await writeFile(
    join(folder, 'routes.yaml'),
    `
listeners: { http: { port: 0, address: 127.0.0.1 } }
admin: { port: 0 }
workers: 1
limits: { delay: 5s }
upstreams:
  well: { targets: ["http://well.test:${new URL(upstream.url).port}"], connectTimeout: 4s }
  stalled: { targets: ["http://stalled.test"], connectTimeout: 2s }
routes:
  - { name: well, match: { path: /well }, to: well }
  - { name: stalled, match: { path: /stalled }, to: stalled }
  - { name: files, match: { path: /files }, forward: { prefix: strip }, files: . }
`,
  )
  const cli = startCli(t, ['serve', '--json', '--no-first-start'], { cwd: folder, by })
  const [said] = await cli.said(/^\{.*"routes".*\}$/m, 30_000)
  const { listeners }: StartReport = JSON.parse(said)
  const port = new URL(listeners.http as string).port
  return (path) => request(`http://127.0.0.1:${port}${path}`, { timeout: 30_000 })
}
