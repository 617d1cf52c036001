import assert from 'node:assert/strict'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { loadConfig } from '../../proxy/config/load.ts'
import { formatProblem } from '../../proxy/config/problem.ts'
import type { Gatehouse } from '../../proxy/gatehouse.ts'
import { buildOffline } from '../../proxy/rehearsal/offline.ts'
import { type Replay, replay } from '../../proxy/rehearsal/replay.ts'
import { type LogClock, replayedLimits } from '../../proxy/rehearsal/replayed-limits.ts'
import { runCli } from '../harness/cli.ts'
import { onEnd, type Teardown } from '../harness/teardown.ts'
import { tempFolder } from '../harness/temp-folder.ts'

/** How `gatehouse plan` replays rate limits: by the clock of the log, in the order in which requests began. */

interface Asked {
  /** Seconds after the first. */
  readonly at: number
  readonly from?: string
  readonly path?: string
  readonly headers?: Readonly<Record<string, readonly string[]>>
  /** Seconds; the line is written when it has ended. */
  readonly lasting?: number
  readonly shortened?: true
  readonly user?: string
}

describe('rate limits are replayed', () => {
  test('windows begin and end by the clock of the log, for each client', async (t) => {
    const asked = [
      ...times(15, (i) => ({ at: i, from: '10.8.0.1' })),
      ...times(10, (i) => ({ at: 61 + i, from: '10.8.0.1' })),
      ...times(12, (i) => ({ at: 200 + i, from: '10.8.0.2' })),
      ...times(10, (i) => ({ at: 300 + i, from: '10.8.0.3' })),
    ]
    const { changes, requests } = await planOf(t, { limit: '{ limit: 10, per: 1m }', logs: [asked] })
    assert.equal(requests, asked.length)
    const [change, ...others] = changes
    assert.deepEqual(others, [])
    assert.deepEqual(
      [change?.count, change?.before, change?.after, change?.addresses],
      [5 + 2, '200 by api', '429 by rateLimit', 2],
    )
  })

  test('all clients share a limit by route, and those of an IPv6 network one by client', async (t) => {
    const clients = times(6, (i) => ({ at: i, from: `10.8.0.${i + 1}` }))
    assert.equal(countOf(await planOf(t, { limit: '{ limit: 4, by: route }', logs: [clients] })), 2)
    const network = times(6, (i) => ({ at: i, from: `2001:db8::${i + 1}` }))
    assert.equal(countOf(await planOf(t, { limit: '{ limit: 4 }', logs: [network] })), 2)
  })

  test('values of a field are told apart, as far as the log has them', async (t) => {
    const shown = times(6, (i) => ({ at: i, headers: { 'X-Team': [i % 2 === 0 ? 'red' : 'blue'] } }))
    const plan = await planOf(t, { limit: '{ limit: 2, by: "header:X-Team" }', logs: [shown] })
    assert.deepEqual([countOf(plan), plan.uncounted], [2, 0])
    const hidden = times(6, (i) => ({ at: i, headers: { 'X-Api-Key': ['REDACTED'] } }))
    const secret = await planOf(t, { limit: '{ limit: 2, by: "header:X-Api-Key" }', logs: [hidden] })
    assert.deepEqual([countOf(secret), secret.uncounted], [0, 6])
    const shortened = times(6, (i) => ({ at: i, shortened: true }) as const)
    assert.equal(
      (await planOf(t, { limit: '{ limit: 2, by: "header:X-Team" }', logs: [shortened] })).uncounted,
      6,
    )
  })

  test('a limit by claim is not guessed, and the plan says of how many', async (t) => {
    const asked = times(5, (i) => ({ at: i, headers: { Authorization: ['REDACTED'] } }))
    const folder = await layLogs(t, [asked])
    await writeFile(join(folder, 'routes.yaml'), table(''))
    const limit = 'rateLimit: { limit: 2, by: "claim:team" }, jwt: { key: "env:KEY" }'
    await writeFile(join(folder, 'new.yaml'), table(limit))
    const { stdout, stderr } = await runCli(['plan', 'new.yaml', '--log', '0.log'], {
      cwd: folder,
      env: { KEY: 'k'.repeat(32) },
    })
    assert.match(
      stdout,
      /^5 requests pass a rate limit here that counts by a claim, or by a field that/m,
      stderr,
    )
    assert.match(stdout, /None of the last 5 requests/)
  })

  test('requests count when they begin, over all logs: one that lasts stands first in its window', async (t) => {
    const long = [{ at: 0, from: '10.8.0.1', path: '/api/download', lasting: 50 }]
    const short = times(2, (i) => ({ at: 10 + i, from: '10.8.0.1', path: '/api/list' }))
    const late = [{ at: 59.5, from: '10.8.0.1', path: '/api/late' }]
    const { changes } = await planOf(t, { limit: '{ limit: 2 }', logs: [[...short, ...late], long] })
    assert.equal(changes[0]?.count, 2)
    assert.match(changes[0]?.example ?? '', /\/api\/list/)
  })

  test('by the subject of a token it counts, since the log tells whom it was taken for', async (t) => {
    const asked = times(6, (i) => ({
      at: i,
      from: `10.8.0.${i}`,
      user: i % 2 === 0 ? 'ann' : 'ben',
      headers: { Authorization: ['REDACTED'] },
    }))
    const policies = (by: string) => `rateLimit: { limit: 2, by: "${by}" }, jwt: { key: key }`
    const known = await planOf(t, { policies: policies('claim:sub'), logs: [asked] })
    assert.deepEqual([countOf(known), known.uncounted, known.assumed], [2, 0, 6])
    const unknown = await planOf(t, { policies: policies('claim:team'), logs: [asked] })
    assert.deepEqual([countOf(unknown), unknown.uncounted], [0, 6])
  })

  test('what stands before the last requests is counted, as far as a window reaches back', async (t) => {
    const asked = times(100, (i) => ({ at: 10 * i, from: '10.8.0.1' }))
    const limit = '{ limit: 10, per: 5m }'
    const plan = await planOf(t, { limit, logs: [asked], last: 20 })
    // The window of 300 s that began 300 s before them ends with the first of them: then 10 pass, and 10 do not.
    assert.deepEqual([plan.requests, countOf(plan), plan.since], [20, 10, (beginning + 800) * 1000])
    assert.deepEqual(plan.limits, { since: (beginning + 500) * 1000, undercounted: 0 })
  })

  test('a log that begins within a window does not tell all, and the plan says of how many', async (t) => {
    const asked = times(20, (i) => ({ at: 10 * i, from: '10.8.0.1' }))
    const plan = await planOf(t, { limit: '{ limit: 10, per: 1m }', logs: [asked] })
    assert.deepEqual(plan.limits, { since: beginning * 1000, undercounted: 6 })
    assert.equal((await planOf(t, { policies: '', logs: [asked] })).limits, undefined)
    const folder = await layLogs(t, [asked])
    await writeFile(join(folder, 'routes.yaml'), table(''))
    await writeFile(join(folder, 'new.yaml'), table('rateLimit: { limit: 10, per: 1m }'))
    const { stdout } = await runCli(['plan', 'new.yaml', '--log', '0.log'], { cwd: folder })
    assert.match(
      stdout,
      /^6 requests came to a rate limit before its first window was over\. Limits count from 2026-/m,
    )
  })

  test('of a longer log the last requests are taken, over all files', async (t) => {
    const [one, other] = [0, 1].map((odd) => times(50, (i) => ({ at: 2 * i + odd, from: '10.8.0.1' })))
    const plan = await planOf(t, {
      limit: '{ limit: 10, per: 1h }',
      logs: [one ?? [], other ?? []],
      last: 30,
    })
    assert.deepEqual([plan.requests, countOf(plan)], [30, 30])
    assert.equal(plan.since, (beginning + 70) * 1000)
  })
})

// --- the scene ---

const beginning = 1_780_000_000

function times<T>(count: number, make: (index: number) => T): T[] {
  return Array.from({ length: count }, (_, index) => make(index))
}

function countOf({ changes }: Replay): number {
  return changes.reduce((sum, { count }) => sum + count, 0)
}

interface Logs {
  /** Options of the limit, as in routes.yaml, or all policies. */
  readonly limit?: string
  readonly policies?: string
  readonly logs: readonly (readonly Asked[])[]
  readonly last?: number
}

/** What a plan says of a table that gets such a limit, for logs with these requests. */
async function planOf(
  t: Teardown,
  { limit = '{}', policies = `rateLimit: ${limit}`, logs, last = 100_000 }: Logs,
): Promise<Replay> {
  const folder = await layLogs(t, logs)
  const clock: LogClock = { now: 0 }
  await writeFile(join(folder, 'key'), 'k'.repeat(32))
  const build = async (text: string): Promise<Gatehouse> => {
    const loaded = await loadConfig({ file: join(folder, 'routes.yaml'), text: table(text) })
    if (!loaded.ok) throw new Error(loaded.problems.map(formatProblem).join())
    const gatehouse = buildOffline(loaded.config, () => {}, replayedLimits(clock))
    onEnd(t, () => gatehouse.close())
    return gatehouse
  }
  const files = logs.map((_, index) => join(folder, `${index}.log`))
  return replay(await build(''), await build(policies), { files, last, clock })
}

function table(policies: string): string {
  return `
listeners: { http: { port: 8080 } }
upstreams: { app: { targets: [http://127.0.0.1:3000] } }
routes: [{ name: api, match: { path: /api }, policies: { ${policies} }, to: app }]
`
}

async function layLogs(t: Teardown, logs: Logs['logs']): Promise<string> {
  const folder = await tempFolder(t)
  for (const [index, asked] of logs.entries())
    await writeFile(join(folder, `${index}.log`), asked.map((each) => `${lineOf(each)}\n`).join(''))
  return folder
}

/** A line as the access log has it, in the fields that a plan reads. */
function lineOf({
  at,
  from = '10.8.0.9',
  path = '/api',
  headers = {},
  lasting = 0,
  shortened,
  user = '',
}: Asked): string {
  return JSON.stringify({
    level: 'info',
    ts: beginning + at + lasting,
    request: {
      remote_ip: from,
      client_ip: from,
      proto: 'HTTP/1.1',
      method: 'GET',
      host: 'x',
      uri: path,
      headers,
    },
    duration: lasting,
    status: 200,
    entrypoint: 'http',
    decision: 'allow',
    router: 'api',
    user_id: user,
    shortened,
  })
}
