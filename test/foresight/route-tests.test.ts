import assert from 'node:assert/strict'
import { rename, rm, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { describe, test } from 'node:test'
import { served } from '../cluster/served.ts'
import { runCli } from '../harness/cli.ts'
import { eventually } from '../harness/eventually.ts'
import { request } from '../harness/request.ts'
import { tempFolder } from '../harness/temp-folder.ts'
import { startUpstream } from '../harness/upstream.ts'

const table = `
listeners: { http: { port: 8080 } }
upstreams: { app: { targets: [http://127.0.0.1:3000] } }
routes:
  - { name: app, match: { host: app.example, path: /api }, to: app, forward: { prefix: strip } }
  - name: inside
    match: { host: app.example, path: /inside }
    policies: { allow: [10.0.0.0/8], headers: { response: { set: { X-Team: blue } } } }
    to: app
  - { name: old, match: { host: app.example, path: /old }, redirect: /new }
`

async function folderWith(t: Parameters<typeof tempFolder>[0], tests: string): Promise<string> {
  const folder = await tempFolder(t)
  await writeFile(join(folder, 'routes.yaml'), table)
  await writeFile(join(folder, 'routes.test.yaml'), tests)
  return folder
}

describe('gatehouse test', () => {
  const holds = [
    '{ route: app, to: app, passes: true, sends: { path: /x } }',
    '{ route: app, refusedBy: none }',
  ]
  for (const expect of holds)
    test(`holds: GET http://app.example/api/x, ${expect}`, async (t) => {
      const cwd = await folderWith(t, `tests: [{ request: GET http://app.example/api/x, expect: ${expect} }]`)
      const { code, stdout, stderr } = await runCli(['test'], { cwd })
      assert.equal(code, 0, stdout + stderr)
      assert.match(stdout, /1 passed, 0 failed/)
    })

  const fails: readonly (readonly [request: string, expect: string, said: RegExp])[] = [
    ['GET http://app.example/inside', '{ passes: true }', /it does not pass: allow: 127\.0\.0\.1/],
    ['GET http://app.example/inside', '{ status: 401 }', /the status is 403, not 401/],
    [
      'GET http://app.example/inside',
      '{ headers: { X-Team: red } }',
      /X-Team of the response is "blue", not "red"/,
    ],
    ['GET http://app.example/inside', '{ headers: { X-Team: false } }', /is "blue", not absent/],
    ['GET http://app.example/inside', '{ refusedBy: jwt }', /the policy that refuses is "allow", not "jwt"/],
    ['GET http://app.example/api', '{ status: 200 }', /it passes, and what answers decides the status: app/],
    ['GET http://app.example/api', '{ to: shop }', /the upstream is "app", not "shop"/],
    ['GET http://app.example/old', '{ location: /elsewhere }', /Location is "\/new", not "\/elsewhere"/],
    ['GET http://else.example/', '{ route: app }', /the route is "none", not "app"/],
    [
      'GET http://app.example/api/..%2fx',
      '{ passes: true }',
      /does not pass: The path of this address can be read/,
    ],
  ]
  for (const [asked, expect, said] of fails)
    test(`fails: ${asked}, ${expect}`, async (t) => {
      const cwd = await folderWith(t, `tests: [{ request: ${asked}, expect: ${expect} }]`)
      const { code, stdout, stderr } = await runCli(['test'], { cwd })
      assert.equal(code, 1, stdout + stderr)
      assert.match(stdout, said)
    })

  // What somebody reads while a service is away can be tried before it is.
  const asked = 'request: GET http://app.example/inside, from: 10.0.0.1'
  const pages: readonly (readonly [test: string, expect: string, said: RegExp])[] = [
    [
      'upstream: away, headers: { Accept: text/html }',
      '{ passes: true, status: 503, headers: { Retry-After: "5", X-Team: blue }, body: [The service app is away, upstream_away] }',
      /1 passed, 0 failed/,
    ],
    ['upstream: slow', '{ status: 504, body: \'"retryable":true\' }', /1 passed, 0 failed/],
    [
      'upstream: busy, headers: { Accept: text/html }',
      '{ body: closed for ever }',
      /the body does not hold "closed for ever": Error 503 All hands are busy The service app is busy\./,
    ],
    ['upstream: busy, upgrade: true', '{ status: 503 }', /a tunnel has a connection of its own/],
    ['http2: false', '{ body: hello }', /what answers decides the body/],
  ]
  for (const [how, expect, said] of pages)
    test(`tells of ${how}, ${expect}`, async (t) => {
      const cwd = await folderWith(t, `tests: [{ ${asked}, ${how}, expect: ${expect} }]`)
      const { code, stdout, stderr } = await runCli(['test'], { cwd })
      assert.match(stdout, said, stderr)
      assert.equal(code, /0 failed/.test(said.source) ? 0 : 1)
    })

  test('a state that no upstream is in is named with those that there are', async (t) => {
    const cwd = await folderWith(t, `tests: [{ ${asked}, upstream: awya, expect: { status: 503 } }]`)
    const { code, stderr } = await runCli(['test'], { cwd })
    assert.equal(code, 2)
    assert.match(stderr, /tests\[0\]\.upstream: "awya" is none of away, refusing.*; did you mean "away"\?/)
  })

  test('answers in JSON, TAP and JUnit', async (t) => {
    const cwd = await folderWith(
      t,
      `tests:
  - { name: good, request: GET http://app.example/api, expect: { route: app } }
  - { name: 'a <bad> one', request: GET http://app.example/api, expect: { route: inside } }`,
    )
    const [json, tap, junit] = await Promise.all([
      runCli(['test', '--json'], { cwd }),
      runCli(['test', '--format', 'tap'], { cwd }),
      runCli(['test', '--format', 'junit'], { cwd }),
    ])
    const { passed, failed, tests } = JSON.parse(json.stdout)
    assert.deepEqual([passed, failed, tests[1].line], [1, 1, 3])
    assert.match(tap.stdout, /^TAP version 13\n1\.\.2\nok 1 - good\nnot ok 2 - a <bad> one$/m)
    assert.match(junit.stdout, /<testsuite name="routes" tests="2" failures="1">/)
    assert.match(
      junit.stdout,
      /name="a &lt;bad&gt; one"[^>]*>\s*<failure message="the route is &quot;app&quot;/,
    )
  })

  test('a mistake in the tests is named with its line', async (t) => {
    const cwd = await folderWith(t, 'tests:\n  - { request: api, expects: {}, expect: {} }')
    const { code, stderr } = await runCli(['test'], { cwd })
    assert.equal(code, 2)
    assert.match(
      stderr,
      /routes\.test\.yaml:2:\d+ tests\[0\]\.request: "api" is not a request; write one such as GET/,
    )
    assert.match(stderr, /"expects" is not a key of this block; did you mean "expect"\?/)
    assert.match(stderr, /expects nothing/)
  })
})

test('a table that fails its tests is not put in force, by a reload or by a start', async (t) => {
  const upstream = await startUpstream(t)
  const routes = (path: string) => `  - { name: app, match: { path: ${path} }, to: "${upstream.url}" }`
  const gatehouse = await served(t, routes('/app'))
  const folder = dirname(gatehouse.report.file)
  const tests = 'tests: [{ request: GET http://localhost/app, listener: http, expect: { route: app } }]'
  await writeFile(join(folder, 'routes.test.yaml.new'), tests)
  await rename(join(folder, 'routes.test.yaml.new'), join(folder, 'routes.test.yaml'))

  await gatehouse.write(routes('/moved'))
  await gatehouse.said(/is not taken up/)
  await gatehouse.said(/test \\?"GET http:\/\/localhost\/app\\?": the route is \\?"none\\?", not \\?"app/)
  assert.equal((await request(`${gatehouse.url}/app`)).status, 200)
  assert.equal((await request(`${gatehouse.url}/moved`)).status, 404)
  assert.match((await gatehouse.readiness()).reasons.join(), /was not taken up/)

  const again = await runCli(['serve'], { cwd: folder })
  assert.equal(again.code, 2)
  assert.match(
    again.stderr,
    /routes\.yaml fails its tests and is not served; mend it, or start with --skip-tests/,
  )

  await gatehouse.write(`${routes('/app')}\n${routes('/moved').replace('app', 'moved')}`)
  await eventually(async () => (await request(`${gatehouse.url}/moved`)).status === 200)

  // The tests were wrong, and not the table: it is tried again when they are mended or taken away.
  await gatehouse.write(routes('/elsewhere'))
  await eventually(async () => /was not taken up/.test((await gatehouse.readiness()).reasons.join()))
  await rm(join(folder, 'routes.test.yaml'))
  await eventually(async () => (await request(`${gatehouse.url}/elsewhere`)).status === 200)
})
