import assert from 'node:assert/strict'
import { once } from 'node:events'
import { writeFile } from 'node:fs/promises'
import { type AddressInfo, createServer } from 'node:net'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { runCli, startCli } from '../harness/cli.ts'
import { freePort } from '../harness/free-port.ts'
import { request } from '../harness/request.ts'
import { onEnd } from '../harness/teardown.ts'
import { tempFolder } from '../harness/temp-folder.ts'
import { startUpstream } from '../harness/upstream.ts'
import { ended, served, textOf } from './served.ts'

/** What an operator meets who starts Gatehouse. */

test('the start says what is served where, and whether anything is there', async (t) => {
  const upstream = await startUpstream(t)
  const folder = await tempFolder(t)
  const port = await freePort()
  const admin = await freePort()
  await writeFile(
    join(folder, 'routes.yaml'),
    `
listeners: { http: { port: ${port} } }
admin: { port: ${admin} }
workers: 1
upstreams:
  there: { targets: ["${upstream.url}"] }
  away: { targets: ["http://127.0.0.1:${await freePort()}"] }
  later: { leased: true }
defaults: { policies: { securityHeaders: true } }
routes:
  - { name: api, match: { path: /api }, policies: { methods: [GET], rateLimit: { limit: 5 } }, to: there }
  - { name: old, match: { host: old.example, path: [/a, /b] }, to: away }
  - { name: soon, match: { path: /soon }, to: later }
  - { name: pages, match: { path: /pages }, files: . }
  - { name: moved, match: { path: /moved }, policies: { basicAuth: { users: users.htpasswd } }, redirect: "https://example.com" }
`,
  )
  const cli = startCli(t, ['serve'], { cwd: folder })
  await cli.said(/first start/)
  const said = cli.output.stdout.replaceAll(`:${port}`, ':PORT')
  for (const pattern of [
    /^Gatehouse \S+ serves routes\.yaml: 5 routes, 1 worker$/m,
    /^ {2}api +http:\/\/localhost:PORT\/api +there +methods rateLimit$/m,
    /^ {2}old +http:\/\/old\.example:PORT\/a +away \(away\)\n +http:\/\/old\.example:PORT\/b$/m,
    /^ {2}soon +http:\/\/localhost:PORT\/soon +waiting for later$/m,
    /^ {2}pages +http:\/\/localhost:PORT\/pages +\.$/m,
    /^ {2}moved +\S+ +https:\/\/example\.com +basicAuth$/m,
    /^ {2}http +http:\/\/localhost:PORT$/m,
    new RegExp(`^ {2}admin +http://127\\.0\\.0\\.1:${admin}$`, 'm'),
    /^ {2}access log +data\/logs\/access\.log$/m,
    /^ {2}every route +securityHeaders$/m,
    /^ {2}users\.htpasswd: user admin, password \S+/m,
  ])
    assert.match(said, pattern)
  assert.deepEqual(
    said.split('\n').filter((line) => line.length > 100 && !line.includes('password')),
    [],
  )
  assert.equal((await request(`http://localhost:${port}/api`)).status, 200)
  // CTRL-C: the end is clean.
  assert.equal(await cli.stop('SIGINT'), 0)
  assert.doesNotMatch(cli.output.stderr, /\n\s+at /)
})

test('no process outlives the command, however it ends', { concurrency: true }, async (t) => {
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGKILL'] as const) {
    const gatehouse = await served(t, '  - { name: all, redirect: "https://example.com" }', { workers: 2 })
    const workers = gatehouse.workers()
    assert.equal(workers.length, 2)
    await gatehouse.stop(signal)
    await ended(workers)
  }
})

const taken: [what: string, listener: (port: number) => string, sentence: RegExp][] = [
  [
    'a listener',
    (port) => textOf(routes).replace('port: 0,', `port: ${port},`),
    /^gatehouse: listener http: port \d+ is already in use.*$/,
  ],
  [
    'the admin listener',
    (port) => textOf(routes).replace('admin: { port: 0 }', `admin: { port: ${port} }`),
    /^gatehouse: admin\.port: port \d+ of 127\.0\.0\.1 is in use.*$/,
  ],
]
const routes = '  - { name: all, redirect: "https://example.com" }'
for (const [what, text, sentence] of taken) {
  test(`where the port of ${what} is in use it says so in one sentence and leaves nothing behind`, async (t) => {
    const { folder, port } = await takenPort(t)
    await writeFile(join(folder, 'routes.yaml'), text(port).replace('workers: 1', 'workers: 2'))
    const { code, stdout, stderr } = await runCli(['serve'], { cwd: folder })
    assert.equal(code, 2)
    assert.equal(stdout, '')
    assert.match(stderr.trim(), sentence)
  })
}

test('a routes.yaml with mistakes is not served, and each is named with its line', async (t) => {
  const folder = await tempFolder(t)
  await writeFile(join(folder, 'routes.yaml'), `${textOf(routes)}\n  - { name: b, to: nobody }\n`)
  const { code, stderr } = await runCli(['serve'], { cwd: folder })
  assert.equal(code, 2)
  assert.match(stderr, /routes\.yaml:\d+:\d+ routes\[1\]\.to: /)
  assert.match(stderr, /has 1 mistake/)
})

test('a mistake that shows only when the table is built is told as one line, not as a stack', async (t) => {
  const folder = await tempFolder(t)
  await writeFile(join(folder, 'short.key'), 'short')
  const text = textOf(
    '  - { name: all, policies: { jwt: { key: short.key } }, redirect: "https://example.com" }',
  )
  await writeFile(join(folder, 'routes.yaml'), text)
  const { code, stderr } = await runCli(['serve'], { cwd: folder })
  assert.equal(code, 2)
  assert.match(
    stderr,
    /^gatehouse: routes\.yaml:\d+:1 route all: policies\.jwt: short\.key: is a key too short/,
  )
  assert.doesNotMatch(stderr, /\n\s+at /)
})

async function takenPort(t: TestContext): Promise<{ folder: string; port: number }> {
  const server = createServer().listen(0, '127.0.0.1')
  onEnd(t, () => void server.close())
  await once(server, 'listening')
  return { folder: await tempFolder(t), port: (server.address() as AddressInfo).port }
}
