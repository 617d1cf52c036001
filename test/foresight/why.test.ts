import assert from 'node:assert/strict'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import type { RecentDecision } from '../../proxy/observability/recent-decisions.ts'
import { runCli } from '../harness/cli.ts'
import { eventually } from '../harness/eventually.ts'
import { rawRequest } from '../harness/raw-request.ts'
import { request } from '../harness/request.ts'
import { openWebSocket } from '../harness/websocket.ts'
import { startScene } from './scene.ts'

const strangers = '{ deny: [127.0.0.0/8] }'

test('gatehouse why tells of each door what was decided about a client, and the mend', async (t) => {
  const scene = await startScene(t, strangers)
  const ask = async (...args: string[]) =>
    runCli(['why', ...args, '--admin', scene.admin], { cwd: scene.folder })
  const client = '127.0.0.9'
  const { code: unheard, stdout: nothing } = await ask(client)
  assert.equal(unheard, 1)
  assert.match(nothing, /Nothing is remembered of 127\.0\.0\.9/)

  assert.equal((await request(`${scene.plain}/inside?token=secret`, { from: client })).status, 403)
  assert.equal((await request(`${scene.secure}/rest`, { from: client })).status, 200)
  const decisions = async (): Promise<RecentDecision[]> =>
    JSON.parse((await ask(client, '--json')).stdout).decisions
  await eventually(async () => (await decisions()).length === 2)
  const [newest, oldest] = await decisions()
  assert.deepEqual(
    [newest?.listener, newest?.decision, newest?.route, newest?.request?.path],
    ['https', 'allow', 'rest', '/rest'],
  )
  assert.deepEqual([oldest?.status, oldest?.policy, oldest?.request?.path], [403, 'deny', '/inside'])

  const { code, stdout } = await ask(client, '--refused')
  assert.equal(code, 0)
  assert.match(stdout, /GET http:\/\/.*\/inside {2}from 127\.0\.0\.9 on http/)
  assert.match(stdout, /403 address_denied by deny\n {2}route inside {2}routes\.yaml:\d+/)
  assert.match(stdout, /→ if 127\.0\.0\.9 may come/)
  assert.doesNotMatch(stdout, /secret/)

  // What was decided can be kept as a test, and holds as one: also that of a service which was away.
  const keepAsTest = async (): Promise<string> => {
    const { stdout: entry } = await ask(client, '--refused', '--as', 'test')
    await writeFile(join(scene.folder, 'routes.test.yaml'), `tests:\n${entry}`)
    const tested = await runCli(['test'], { cwd: scene.folder })
    assert.equal(tested.code, 0, tested.stdout + tested.stderr)
    return entry
  }
  assert.match(await keepAsTest(), /refusedBy: deny/)
  assert.equal((await request(`${scene.plain}/gone`, { from: client })).status, 503)
  await eventually(async () => (await decisions()).length === 3)
  assert.match(await keepAsTest(), /upstream: refusing/)
  const { stdout: curl } = await ask(client, '--refused', '--as', 'curl')
  assert.match(curl, /^curl -i http:\/\/.*\/gone$/m)
})

test('an upgrade that was refused, and bytes that were no request, are remembered as well', async (t) => {
  const scene = await startScene(t, strangers)
  const address = `${scene.plain.replace('http', 'ws')}/inside`
  await assert.rejects(openWebSocket(t, address))
  await rawRequest(Number(new URL(scene.plain).port), 'BREW\u0000 / HTTP/1.1\r\n\r\n')
  // Plain HTTP to the TLS port.
  await rawRequest(Number(new URL(scene.secure).port), 'GET / HTTP/1.1\r\nHost: x\r\n\r\n')
  await eventually(async () => {
    const { stdout } = await runCli(['why', '127.0.0.1', '--admin', scene.admin])
    assert.match(stdout, /403 address_denied by deny/)
    assert.match(stdout, /it speaks something else than HTTP here/)
    assert.match(stdout, /it speaks plain HTTP to a TLS port/)
    return true
  })
})

// The attack: a CSI of one byte in Host, which HTTP lets pass, and the terminal of whoever looks hides lines, or worse.
test('no client steers the terminal of whoever asks', async (t) => {
  const scene = await startScene(t, strangers)
  await rawRequest(Number(new URL(scene.plain).port), 'GET / HTTP/1.1\r\nHost: a\u009b2Jb\r\n\r\n')
  await eventually(async () => {
    const said = await runCli(['why', '127.0.0.1', '--admin', scene.admin])
    assert.match(said.stdout, /a\ufffd2Jb/)
    return true
  })
  const curl = await runCli(['why', '127.0.0.1', '--as', 'curl', '--admin', scene.admin])
  assert.match(curl.stdout, /^curl -i \$'http:\/\/a\\u009b2Jb\/'$/m)
})

test('gatehouse observed names whom a policy in observe mode would have refused', async (t) => {
  const observed = await startScene(t, '{ deny: { networks: [127.0.0.0/8], mode: observe } }')
  for (let i = 0; i < 3; i++)
    assert.equal((await request(`${observed.plain}/inside?x=${i}`, { from: '127.0.0.5' })).status, 200)
  assert.equal((await request(`${observed.plain}/rest`)).status, 200)
  await observed.logged(4)
  const ask = (...args: string[]) => runCli(['observed', ...args], { cwd: observed.folder })
  const { code, stdout } = await ask('inside.deny', '--since', '1h')
  assert.equal(code, 1)
  assert.match(
    stdout,
    /3 of 4 requests of the last 1h would have been refused\.\n\s+3 {2}inside\.deny {2}127\.0\.0\.5 {2}\/inside\n/,
  )
  const rest = await ask('rest')
  assert.equal(rest.code, 0)
  assert.match(rest.stderr, /^rest is not in observe mode now/)
  // A slip in the name must not read as "nobody would have been refused".
  const slip = await ask('inside.dney')
  assert.deepEqual([slip.code, slip.stdout], [2, ''])
  assert.match(slip.stderr, /has no inside\.dney; did you mean "inside\.deny"\?/)
  assert.equal((await ask('--since', 'yesterday')).code, 2)
})
