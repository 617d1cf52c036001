import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import type { Plan } from '../../proxy/cli/plan-text.ts'
import { runCli } from '../harness/cli.ts'
import { request } from '../harness/request.ts'
import { openWebSocket } from '../harness/websocket.ts'
import { startScene } from './scene.ts'

describe('gatehouse plan', () => {
  test('says what changes: in words, for the requests of the log, and for open tunnels', async (t) => {
    const scene = await startScene(t)
    for (let i = 0; i < 6; i++) await request(`${scene.plain}/inside/${i}`)
    for (let i = 0; i < 4; i++) await request(`${scene.secure}/elsewhere`)
    await scene.logged(10)
    await openWebSocket(t, `${scene.plain.replace('http', 'ws')}/inside/socket`)

    await writeFile(join(scene.folder, 'new.yaml'), scene.withPolicies('{ allow: [10.0.0.0/8] }'))
    const { code, stdout, stderr } = await runCli(['plan', 'new.yaml', '--json'], { cwd: scene.folder })
    assert.equal(code, 1, stderr)
    const plan: Plan = JSON.parse(stdout)
    assert.deepEqual(plan.differences, [
      { of: 'route inside', kind: 'changed', details: ['policies.allow: 10.0.0.0/8 added'] },
    ])
    // The admin listener of the table has port 0, so nobody can be asked how many are open.
    assert.deepEqual(plan.endedTunnels, [{ route: 'inside' }])
    assert.equal(plan.replay.requests, 10)
    const [change, ...others] = plan.replay.changes
    assert.deepEqual(others, [])
    assert.equal(change?.count, 6)
    assert.deepEqual(
      [change?.before, change?.after, change?.path, change?.clients],
      ['200 by inside', '403 by allow', '/inside', ['127.0.0.1']],
    )
    assert.match(change?.reason ?? '', /127\.0\.0\.1/)

    const said = await runCli(['plan', 'new.yaml'], { cwd: scene.folder })
    assert.match(said.stdout, /~ route inside\n {6}policies\.allow: 10\.0\.0\.0\/8 added/)
    assert.match(said.stdout, /6 of the last 10 requests .* change:\n\s+6 {2}200 by inside → 403 by allow/)

    // The plan told the truth: the same requests get what it said.
    await scene.edit(scene.withPolicies('{ allow: [10.0.0.0/8] }'))
    await scene.said(/is taken up/)
    assert.equal((await request(`${scene.plain}/inside/1`)).status, 403)
    assert.equal((await request(`${scene.secure}/elsewhere`)).status, 200)
  })

  // The attack: a client asks for /inside?$(…), and whoever tries a change is shown a command to copy that holds it. An
  // ordinary query did not survive either: behind its `&` another command began.
  test('the command that asks about a request is one that a shell runs as it stands', async (t) => {
    const scene = await startScene(t)
    const target = '/inside?a=1&b=$(touch$IFS$9stolen)'
    await request(scene.plain, { target })
    await scene.logged(1)
    await writeFile(join(scene.folder, 'new.yaml'), scene.withPolicies('{ allow: [10.0.0.0/8] }'))
    const { stdout } = await runCli(['plan', 'new.yaml'], { cwd: scene.folder })
    const [, shown = ''] = /^\s+gatehouse (explain .*)$/m.exec(stdout) ?? []
    const read = execFileSync('sh', ['-c', `printf '%s\\n' ${shown}`], {
      cwd: scene.folder,
      encoding: 'utf8',
    })
    assert.deepEqual(read.split('\n').slice(0, 4), ['explain', 'GET', `${scene.plain}${target}`, '--from'])
    assert.ok(!existsSync(join(scene.folder, 'stolen')))
  })

  test('nothing changes where only comments do', async (t) => {
    const scene = await startScene(t)
    await request(`${scene.plain}/inside`)
    await scene.logged(1)
    await writeFile(join(scene.folder, 'new.yaml'), `# the same\n${scene.withPolicies('{}')}`)
    const { code, stdout } = await runCli(['plan', 'new.yaml'], { cwd: scene.folder })
    assert.equal(code, 0, stdout)
    assert.match(stdout, /nothing/)
    assert.match(stdout, /None of the last 1 requests .* changes\./)
  })

  test('a rate limit is replayed: who would be past it, and the running proxy agrees', async (t) => {
    const scene = await startScene(t)
    for (let i = 0; i < 3; i++) await request(`${scene.plain}/inside/${i}`)
    await request(`${scene.secure}/elsewhere`)
    await scene.logged(4)
    const limited = scene.withPolicies('{ rateLimit: { limit: 1, per: 1m } }')
    await writeFile(join(scene.folder, 'new.yaml'), limited)
    const { stdout } = await runCli(['plan', 'new.yaml'], { cwd: scene.folder })
    assert.match(
      stdout,
      /2 of the last 4 requests .* change:\n\s+2 {2}200 by inside → 429 by rateLimit\n\s+all on \S+\/inside from 127\.0\.0\.1\n\s+127\.0\.0\.1 is past 1 in 60 s/,
    )
    await scene.edit(limited)
    await scene.said(/is taken up/)
    const statuses: number[] = []
    for (let i = 0; i < 3; i++) statuses.push((await request(`${scene.plain}/inside/${i}`)).status)
    assert.deepEqual(statuses, [200, 429, 429])
  })

  // Fault: a route that led to another service by the same name changed nothing, it said.
  test('requests that another service would answer are told, and a log that cannot be read as well', async (t) => {
    const scene = await startScene(t)
    await request(`${scene.plain}/inside`)
    await request(`${scene.plain}/elsewhere`)
    await scene.logged(2)
    const elsewhere = scene
      .withPolicies('{}')
      .replace(/(name: inside.*to: )"[^"]*"/, '$1"http://127.0.0.1:9"')
    await writeFile(join(scene.folder, 'new.yaml'), elsewhere)
    const { stdout } = await runCli(['plan', 'new.yaml'], { cwd: scene.folder })
    assert.match(
      stdout,
      /1 of the last 2 requests .* change:\n\s+1 {2}200 by inside \(http:\S+\) → passes by inside \(http:\/\/127\.0\.0\.1:9\)/,
    )
    await writeFile(
      join(scene.folder, 'combined.log'),
      '127.0.0.1 - - [x] "GET / HTTP/1.1" 200 5 "-" "-"\n'.repeat(3),
    )
    const combined = await runCli(['plan', 'new.yaml', '--log', 'combined.log'], { cwd: scene.folder })
    assert.match(combined.stdout, /None of the 3 lines of the access log is an exchange in JSON/)
  })

  test('whoever brought credentials is judged by them as before, whoever brought none is refused', async (t) => {
    const scene = await startScene(t)
    await request(`${scene.plain}/inside`, { headers: { authorization: 'Basic c2VjcmV0OnNlY3JldA==' } })
    await request(`${scene.plain}/inside`)
    await scene.logged(2)
    const users = 'admin:$2y$05$abcdefghijklmnopqrstuuFxL9bAvpUmDqNkMZBHXcXWBfB9mCk9a'
    await writeFile(join(scene.folder, 'users'), users)
    await writeFile(
      join(scene.folder, 'new.yaml'),
      scene.withPolicies('{ basicAuth: { users: users, realm: x } }'),
    )
    const { stdout, stderr } = await runCli(['plan', 'new.yaml', '--json'], { cwd: scene.folder })
    const { replay }: Plan = JSON.parse(stdout || stderr)
    assert.equal(replay.assumed, 1)
    assert.deepEqual(
      replay.changes.map(({ count, before, after }) => [count, before, after]),
      [[1, '200 by inside', '401 by basicAuth']],
    )
    assert.doesNotMatch(stdout, /c2VjcmV0/)
  })

  test('a table with mistakes, or one that fails its tests, could not be put in force', async (t) => {
    const scene = await startScene(t)
    await writeFile(join(scene.folder, 'bad.yaml'), 'routes: 5')
    const bad = await runCli(['plan', 'bad.yaml'], { cwd: scene.folder })
    assert.equal(bad.code, 2)
    assert.match(bad.stderr, /bad\.yaml:1:\d+ /)
    await writeFile(join(scene.folder, 'new.yaml'), scene.withPolicies('{ allow: [10.0.0.0/8] }'))
    await writeFile(
      join(scene.folder, 'new.test.yaml'),
      'tests: [{ request: GET http://x/inside, expect: { passes: true } }]',
    )
    const failing = await runCli(['plan', 'new.yaml'], { cwd: scene.folder })
    assert.equal(failing.code, 2)
    assert.match(failing.stdout, /Tests that fail: it would not be put in force\n.*does not pass: allow/)
  })
})
