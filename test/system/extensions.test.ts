import assert from 'node:assert/strict'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, describe, test } from 'node:test'
import officeHours from '../../docs/examples/office-hours.ts'
import refuseAgents from '../../docs/examples/refuse-agents.ts'
import { eventually } from '../harness/eventually.ts'
import { connectHttp2 } from '../harness/http2.ts'
import { startProxy } from '../harness/proxy.ts'
import { request } from '../harness/request.ts'
import { tempFolder } from '../harness/temp-folder.ts'
import { type Echo, startUpstream } from '../harness/upstream.ts'
import { startServing } from './command.ts'
import { projectFolder } from './shipped.ts'

/** Policies and Express middleware of the operator's, in TypeScript files that routes.yaml names. */

const t = { after }
const folder = await tempFolder(t)
const examples = join(projectFolder, 'docs/examples')
const upstream = await startUpstream(t, undefined, { websocket: (socket) => socket.send('welcome') })
const write = (name: string, text: string) => writeFile(join(folder, name), text)
const express = JSON.stringify(import.meta.resolve('express'))

await write('no-module.ts', 'this is no TypeScript')
await write('throws.ts', "throw new Error('no database')")
await write('other.ts', 'export default { hello: 1 }')
await write(
  'create-throws.ts',
  "export default { kind: 'policy', create() { throw new Error('no licence') } }",
)
await write(
  'decide-throws.ts',
  "export default { kind: 'policy', create: () => ({ decide() { throw new Error('oops') } }) }",
)
await write(
  'tag.ts',
  `type Options = { value: string }
export default { kind: 'middleware', create: ({ value }: Options) => (request, response, next) => {
  response.setHeader('x-tag', \`\${value} \${request.method} \${request.path} \${request.httpVersion}\`)
  response.locals.tag = value
  next()
} }`,
)
await write(
  'gate.ts',
  `export default { kind: 'middleware', create: () => (request, response, next) =>
  request.path.startsWith('/gated/inside') ? response.sendStatus(403) : next() }`,
)
await write(
  'session.ts',
  "export default { kind: 'middleware', create: () => (q, r, next) => { r.cookie('session', q.get('x-who')); next() } }",
)
await write(
  'fails.ts',
  "export default { kind: 'middleware', create: () => (a, b, next) => next(new Error('failed')) }",
)
await write(
  'throws-late.ts',
  "export default { kind: 'middleware', create: () => async () => { throw new Error('late') } }",
)
await write(
  'answers.ts',
  "export default { kind: 'middleware', create: () => (q, r) => r.cookie('a', 1).redirect(303, '/welcome') }",
)
await write(
  'reads.ts',
  `import { createRequire } from 'node:module'
const express = createRequire(${express})('express')
export default { kind: 'middleware', create: () => express.json() }`,
)

for (const [name, create] of [
  ['helmet', 'helmet()'],
  ['express-rate-limit', 'make({ limit: 1, windowMs: 60_000, keyGenerator: ({ path }) => path })'],
])
  await write(
    `${name}.ts`,
    `import make, * as all from ${JSON.stringify(import.meta.resolve(`${name}`))}
const helmet = all.default
export default { kind: 'middleware', create: () => ${create} }`,
  )

const routes: [name: string, keys: string][] = [
  [
    'open',
    'policies: { officeHours: { from: "00:00", to: "24:00", days: [mon, tue, wed, thu, fri, sat, sun] } }',
  ],
  ['shut', `policies: { officeHours: { from: "00:00", to: "24:00", days: [${inDays(3)}] } }`],
  ['watched', `policies: { officeHours: { days: [${inDays(3)}], mode: observe } }`],
  ['people', 'middleware: [{ use: refuseAgents, options: { names: [robot] } }]'],
  ['tagged', 'middleware: [{ use: tag, options: { value: a } }]'],
  ['gated', 'middleware: [{ use: gate }]'],
  [
    'session',
    'middleware: [{ use: session }], policies: { cache: { override: true, rules: [{ maxAge: 1h }] } }',
  ],
  ['fails', 'middleware: [{ use: fails }]'],
  ['throws-late', 'middleware: [{ use: throwsLate }]'],
  ['answers', 'middleware: [{ use: answers }]'],
  ['reads', 'middleware: [{ use: reads }]'],
  ['known', 'middleware: [{ use: helmet }, { use: rateLimiter }]'],
  ['decide-throws', 'policies: { decideThrows: {} }'],
  ['no-module', 'policies: { noModule: {} }'],
  ['missing', 'policies: { missing: {} }'],
  ['throws', 'middleware: [{ use: throws }]'],
  ['other', 'policies: { other: { any: option } }'],
  ['create-throws', 'policies: { createThrows: {} }'],
  ['plain', ''],
]
const yaml = `
listeners: { https: { port: 0, address: 127.0.0.1 } }
admin: { port: 0 }
workers: 1
extensions:
  officeHours: ${examples}/office-hours.ts
  refuseAgents: ${examples}/refuse-agents.ts
  tag: tag.ts
  gate: gate.ts
  session: session.ts
  fails: fails.ts
  throwsLate: throws-late.ts
  answers: answers.ts
  reads: reads.ts
  helmet: helmet.ts
  rateLimiter: express-rate-limit.ts
  decideThrows: decide-throws.ts
  noModule: no-module.ts
  missing: missing.ts
  throws: throws.ts
  other: other.ts
  createThrows: create-throws.ts
upstreams: { app: { targets: ["${upstream.url}"] } }
routes:
${routes.map(([name, keys]) => `  - { name: ${name}, match: { path: /${name} }, to: app${keys && `, ${keys}`} }`).join('\n')}
`
const proxy = await startProxy(t, yaml, { folder })

interface Heard {
  status: number
  headers: Record<string, unknown>
  text: string
}
const handshake = {
  connection: 'Upgrade',
  upgrade: 'websocket',
  'sec-websocket-version': '13',
  'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZQ==',
}
const doors: Record<string, (path: string, headers?: Record<string, string>) => Promise<Heard>> = {
  'HTTP/1.1': (path, headers) => request(proxy.url() + path, { headers }),
  'HTTP/2': async (path, headers) => (await connectHttp2(t, proxy.port())).request(path, { headers }),
  'an upgrade': (path, headers) => request(proxy.url() + path, { headers: { ...handshake, ...headers } }),
}

for (const [door, ask] of Object.entries(doors)) {
  const served = door === 'an upgrade' ? 101 : 200
  describe(`over ${door}`, () => {
    test('a policy lets pass or refuses, with its reason in the log', async () => {
      assert.equal((await ask('/open')).status, served)
      assert.equal((await ask('/shut')).status, 403)
      assert.equal((await ask('/watched')).status, served)
      const find = (route: string) =>
        eventually(async () => (await proxy.accessLog()).findLast(({ router }) => router === route))
      const refused = await find('shut')
      assert.equal(refused.deny_policy, 'officeHours')
      assert.match(`${refused.deny_reason}`, /^closed on \w{3} at \d\d:\d\d \(UTC\)$/)
      const [observed] = (await find('watched')).observed as { policy: string }[]
      assert.equal(observed?.policy, 'officeHours')
    })

    test('middleware lets pass or refuses', async () => {
      assert.equal((await ask('/people', { 'user-agent': 'a browser' })).status, served)
      const before = upstream.requests.length
      const { status, headers, text } = await ask('/people', { 'user-agent': 'Some Robot/1.0' })
      assert.equal(status, 403)
      assert.equal(headers['content-type'], 'application/json; charset=utf-8')
      assert.equal(text, '{"error":"This page is for people."}')
      assert.equal(upstream.requests.length, before)
    })

    // The attack: middleware that keeps /gated/inside is asked for /gated/%69nside, and lets it pass; sent on is the one form
    // that the path has, which is /gated/inside. It was shown the path as the client had written it.
    test('middleware decides about the path that is sent on, however it was written', async () => {
      assert.equal((await ask('/gated/outside')).status, served)
      const before = upstream.requests.length
      for (const path of ['/gated/inside', '/gated/%69nside', '/gated//inside', '/gated/outside/../inside'])
        assert.equal((await ask(`${path}?x=1`)).status, 403, path)
      assert.equal(upstream.requests.length, before)
      // The log keeps what was written.
      await eventually(async () =>
        (await proxy.accessLog()).some(
          ({ request }) => (request as { uri: string }).uri === '/gated/%69nside?x=1',
        ),
      )
    })

    // Such a cookie is not among the fields that policies see, and `public` gave it to whoever a cache served next.
    if (door !== 'an upgrade')
      test('a response to which middleware adds a cookie is for one person', async () => {
        const { headers } = await ask('/session', { 'x-who': 'ann' })
        assert.match(`${headers['set-cookie']}`, /^session=ann;/)
        assert.equal(headers['cache-control'], 'private, max-age=3600')
      })

    test('middleware may answer by what Express has for it', async () => {
      const { status, headers } = await ask('/answers')
      assert.deepEqual([status, headers.location], [303, '/welcome'])
      assert.deepEqual(headers['set-cookie'], ['a=1; Path=/'])
    })

    test('middleware that many use does its work', async () => {
      const path = `/known/${door.replaceAll(/\W/g, '')}`
      const first = await ask(path)
      assert.equal(first.status, served)
      if (door !== 'an upgrade') assert.equal(first.headers['x-dns-prefetch-control'], 'off')
      const second = await ask(path)
      assert.equal(second.status, 429)
      assert.equal(second.headers['x-dns-prefetch-control'], 'off')
    })

    test('middleware that fails, and a policy that throws, let nobody pass', async () => {
      const before = upstream.requests.length
      for (const path of ['/fails', '/throws-late', '/decide-throws']) {
        const { status, text } = await ask(path)
        assert.equal(status, 500, path)
        assert.doesNotMatch(text, /failed|late|oops/)
      }
      assert.equal(upstream.requests.length, before)
    })

    test('an extension that is broken closes its own routes and no other', async () => {
      for (const path of ['/no-module', '/missing', '/throws', '/other', '/create-throws']) {
        const { status, text, headers } = await ask(path)
        assert.deepEqual([status, JSON.parse(text).code], [503, 'extension_broken'], path)
        assert.ok(headers['retry-after'])
      }
      assert.equal((await ask('/plain')).status, served)
    })
  })
}

for (const [door, ask] of Object.entries(doors).slice(0, 2))
  test(`middleware sees the request and may add to the response over ${door}`, async () => {
    const { headers, text } = await ask('/tagged/x?y=1')
    assert.equal(headers['x-tag'], `a GET /tagged/x ${door === 'HTTP/2' ? '2.0' : '1.1'}`)
    assert.equal((JSON.parse(text) as Echo).url, '/tagged/x?y=1')
  })

test('middleware that reads the body is told so, and nobody waits', async () => {
  const headers = { 'content-type': 'application/json' }
  const reply = await request(`${proxy.url()}/reads`, { method: 'POST', headers, body: '{"a":1}' })
  assert.equal(reply.status, 500)
  const line = await eventually(async () =>
    (await proxy.accessLog()).findLast(({ router }) => router === 'reads'),
  )
  assert.match(`${line.detail}`, /read the body/)
})

test('options are checked by the schema of the extension, with their place', async () => {
  const changed = yaml.replace('from: "00:00"', 'from: "25:00"').replace('names: [robot]', 'names: robot')
  await assert.rejects(proxy.reload(changed), (error: Error) => {
    const lines = error.message.split('\n')
    assert.match(
      lines[0] ?? '',
      /routes\.yaml:25:\d+ routes\[0\]\.policies\.officeHours\.from: .*is not a time/,
    )
    assert.match(lines[1] ?? '', /routes\.yaml:28:\d+ routes\[3\]\.middleware\[0\]\.options\.names: /)
    return true
  })
})

test('what the examples say of themselves in routes.yaml is true', async () => {
  for (const [file, extension] of [
    ['office-hours.ts', officeHours],
    ['refuse-agents.ts', refuseAgents],
  ] as const) {
    const text = await readFile(join(examples, file), 'utf8')
    assert.match(text, new RegExp(`docs/examples/${file}`))
    assert.equal(extension.kind, file === 'office-hours.ts' ? 'policy' : 'middleware')
  }
})

test('the command serves what it can, and its readiness is red and names the routes that are closed', async () => {
  const gatehouse = await startServing(t, yaml, { folder: await copied() })
  const https = gatehouse.url('https')
  assert.equal((await request(`${https}/people`, { headers: { 'user-agent': 'robot' } })).status, 403)
  assert.equal((await request(`${https}/plain`)).status, 200)
  assert.equal((await request(`${https}/create-throws`)).status, 503)
  const readiness = await request(`${gatehouse.admin}/readyz`)
  assert.equal(readiness.status, 503)
  const { reasons } = JSON.parse(readiness.text) as { reasons: string[] }
  for (const name of ['no-module', 'missing', 'throws', 'other', 'create-throws'])
    assert.ok(
      reasons.some((reason) => reason.startsWith(`route ${name} is closed: `)),
      `${name} is not in ${reasons.join('\n')}`,
    )
  assert.ok(reasons.some((reason) => /no licence/.test(reason)))
})

/** The extensions' folder once more, for a process of its own. */
async function copied(): Promise<string> {
  const { cp } = await import('node:fs/promises')
  const to = await tempFolder(t)
  await cp(folder, to, { recursive: true })
  return to
}

function inDays(days: number): string {
  return new Intl.DateTimeFormat('en', { weekday: 'short', timeZone: 'UTC' })
    .format(Date.now() + days * 86_400_000)
    .toLowerCase()
}
