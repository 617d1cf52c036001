import assert from 'node:assert/strict'
import { open, readFile, rename, unlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, describe, test } from 'node:test'
import { runCli } from '../harness/cli.ts'
import { eventually } from '../harness/eventually.ts'
import { request } from '../harness/request.ts'
import { tempFolder } from '../harness/temp-folder.ts'
import { startUpstream } from '../harness/upstream.ts'
import { openWebSocket } from '../harness/websocket.ts'
import { startServing } from './command.ts'
import { cloneShipped } from './shipped.ts'

/** Somebody edits the shipped routes.yaml, and what it names, while Gatehouse serves it. Nothing is restarted. */

const t = { after }
const clone = await cloneShipped(t)
const file = join(clone.folder, 'routes.yaml')
const shipped = await readFile(file, 'utf8')
const gatehouse = await startServing(t, shipped, clone)
const https = gatehouse.url('https')
const waiting: (() => void)[] = []
const upstream = await startUpstream(
  t,
  (incoming, response) => {
    if (incoming.url === '/app/slow') waiting.push(() => response.end('late'))
    else response.end(incoming.url)
  },
  { websocket: (socket) => socket.on('message', (message) => socket.send(message)) },
)

/** A busy machine takes its time; on an idle one all of it is there within a second. */
const soon = { timeout: 20_000 }
const app = `
  - name: app
    match: { host: localhost, path: /app }
    to: ${upstream.url}
`
const statusOf = async (path: string, authorization?: string): Promise<number> =>
  (await request(https + path, { headers: authorization === undefined ? {} : { authorization } })).status
const basic = (user: string, password: string): string =>
  `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`

describe('routes.yaml', () => {
  test('a network that is taken off the list of the closed room is out, and in again when it is back', async () => {
    assert.equal(await statusOf('/close/'), 401)
    await gatehouse.edit(shipped.replace(/ +- 127\.0\.0\.1 .*\n/, ''))
    await eventually(async () => (await statusOf('/close/', clone.admin)) === 403, soon)
    await gatehouse.edit(shipped)
    await eventually(async () => (await statusOf('/close/')) === 401, soon)
  })

  test('a route that is added serves, and one that is removed ends after its last answer', async () => {
    await gatehouse.edit(shipped + app)
    await eventually(async () => (await statusOf('/app/x')) === 200, soon)
    const late = request(`${https}/app/slow`)
    await eventually(() => waiting.length === 1)
    await gatehouse.edit(shipped)
    await eventually(async () => (await statusOf('/app/x')) === 404, soon)
    waiting[0]?.()
    assert.deepEqual([(await late).status, (await late).text], [200, 'late'])
  })

  test('a tunnel goes on while other routes change', async (t) => {
    await gatehouse.edit(shipped + app)
    await eventually(async () => (await statusOf('/app/x')) === 200, soon)
    const tunnel = await openWebSocket(t, `${https.replace('http', 'ws')}/app/echo`)
    await gatehouse.edit(`${shipped.replace('realm: The closed room', 'realm: Closed')}${app}`)
    const challenge = async () => (await request(`${https}/close/`)).headers['www-authenticate'] ?? ''
    await eventually(async () => /realm="Closed"/.test(await challenge()), soon)
    tunnel.send('still here')
    assert.equal(`${await tunnel.next()}`, 'still here')
  })

  test('a mistake is told with its line and column, and changes nothing', async () => {
    await gatehouse.edit(shipped + app)
    await eventually(async () => (await statusOf('/app/x')) === 200, soon)
    const broken = shipped.replace('- 192.168.1.0/24', '- 192.168.1/24')
    const line = broken.split('\n').findIndex((text) => text.includes('192.168.1/24')) + 1
    await gatehouse.edit(broken)
    const [said] = await gatehouse.said(/routes\.yaml:(\d+):(\d+) routes\[2\]\.policies\.allow\[2\].*/)
    assert.ok(said.startsWith(`routes.yaml:${line}:11 `), said)
    assert.match(said, /did you mean .{0,2}192\.168\.1\.0\/24/)
    assert.deepEqual([await statusOf('/app/x'), await statusOf('/close/', clone.admin)], [200, 200])
    const { reasons } = JSON.parse((await request(`${gatehouse.admin}/readyz`)).text)
    assert.match(reasons[0], new RegExp(`routes\\.yaml:${line}:11`))
  })

  describe('is taken up however an editor saves it', () => {
    const ways: [name: string, save: (text: string) => Promise<void>][] = [
      ['in place', (text) => writeFile(file, text)],
      [
        'beside it and renamed',
        async (text) => {
          await writeFile(`${file}~`, text)
          await rename(`${file}~`, file)
        },
      ],
      [
        'removed and written anew',
        async (text) => {
          await unlink(file)
          await writeFile(file, text)
        },
      ],
      [
        'piece by piece',
        async (text) => {
          const handle = await open(file, 'w')
          for (let at = 0; at < text.length; at += 500) await handle.write(text.slice(at, at + 500))
          await handle.close()
        },
      ],
    ]
    for (const [index, [name, save]] of ways.entries())
      test(name, async () => {
        await save(
          `${shipped}\n  - { name: way, match: { host: localhost, path: /way-${index} }, redirect: /open/ }\n`,
        )
        await eventually(async () => (await statusOf(`/way-${index}`)) === 308, soon)
      })
  })
})

describe('what routes.yaml names', () => {
  test('a user who is added to the password file is let in, and one who is removed is not', async () => {
    const users = join(clone.folder, 'certs/close.htpasswd')
    const before = await readFile(users, 'utf8')
    const eva = basic('eva', 'a fine long password')
    assert.equal(await statusOf('/close/', eva), 401)
    const made = await runCli(['hash', 'eva', '--file', users], { input: 'a fine long password\n' })
    assert.equal(made.code, 0, made.stderr)
    await eventually(async () => (await statusOf('/close/', eva)) === 200, soon)
    assert.equal(await statusOf('/close/', clone.admin), 200)
    await writeFile(users, before)
    await eventually(async () => (await statusOf('/close/', eva)) === 401, soon)
  })

  test('a page that is saved is what the next visitor sees', async () => {
    const page = join(clone.folder, 'services/sites/open/index.html')
    const before = await request(`${https}/open/`)
    await writeFile(page, '<h1>Moved</h1>')
    const headers = { 'if-none-match': `${before.headers.etag}` }
    const now = await request(`${https}/open/`, { headers })
    assert.deepEqual([now.status, now.text], [200, '<h1>Moved</h1>'])
  })
})

/** A start takes seconds on a busy machine. What was saved meanwhile was served by nobody until it was saved once more. */
test('routes.yaml that is saved while Gatehouse starts is taken up', async (t) => {
  const folder = await tempFolder(t)
  const routes = (status: number) => `
listeners: { http: { port: 0, address: 127.0.0.1 } }
admin: { port: 0 }
workers: 1
extensions: { editor: editor.ts }
routes: [{ name: a, redirect: { location: /there, status: ${status} } }]
`
  await writeFile(join(folder, 'later.yaml'), routes(308))
  // It is loaded after the file was read, and before anybody watches it.
  await writeFile(
    join(folder, 'editor.ts'),
    `import { copyFileSync } from 'node:fs'
copyFileSync(new URL('later.yaml', import.meta.url), new URL('routes.yaml', import.meta.url))
export default {}`,
  )
  const started = await startServing(t, routes(302), { folder })
  await eventually(async () => (await request(started.url('http'))).status === 308, { timeout: 20_000 })
})
