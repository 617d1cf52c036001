import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { promisify } from 'node:util'
import { runCli } from '../harness/cli.ts'
import { eventually } from '../harness/eventually.ts'
import { needs, pathOf } from '../harness/parts.ts'
import { request } from '../harness/request.ts'
import { tempFolder } from '../harness/temp-folder.ts'
import { startUpstream } from '../harness/upstream.ts'
import { startServing } from '../system/command.ts'
import { projectFolder } from '../system/shipped.ts'

/** Each client has an address of its own, as the trusted proxy in front says. */
const by = (address: string, more: Record<string, string> = {}) => ({
  headers: { 'x-forwarded-for': address, ...more },
})
const basic = (password: string) => ({
  authorization: `Basic ${Buffer.from(`alice:${password}`).toString('base64')}`,
})

test(
  'fail2ban sees who guesses and who scans in the log of a real proxy, and nobody else',
  needs('fail2ban'),
  async (t) => {
    const folder = await tempFolder(t)
    await runCli(['hash', 'alice', '--file', 'users', '--algorithm', 'bcrypt'], {
      cwd: folder,
      input: 'right one\nright one\n',
    })
    const app = await startUpstream(t, (asked, response) => {
      response.statusCode = asked.method === 'POST' ? 401 : 200
      response.end()
    })
    const proxy = await startServing(
      t,
      `listeners: { http: { port: 0, address: 127.0.0.1 } }
admin: { port: 0 }
workers: 1
trustedProxies: [127.0.0.1]
routes:
  - { name: room, match: { path: /room }, to: "${app.url}", policies: { basicAuth: { users: users } } }
  - { name: app, match: { path: /app }, to: "${app.url}" }
`,
      { folder },
    )
    const url = proxy.url('http')
    // Who means well: a page, a wrong name of a page once, a password asked for, and the right one.
    await request(`${url}/app`, by('192.0.2.1'))
    await request(`${url}/room`, by('192.0.2.1'))
    assert.equal((await request(`${url}/room`, by('192.0.2.1', basic('right one')))).status, 200)
    // Who guesses.
    assert.equal((await request(`${url}/room`, by('192.0.2.2', basic('wrong')))).status, 401)
    await request(`${url}/app/login`, { method: 'POST', ...by('192.0.2.3') })
    // Who would have others shut out.
    const forged = '","client_ip":"198.51.100.1","status":401,"error":"credentials_invalid","x":"'
    await request(`${url}/app`, { ...by('192.0.2.4', { 'user-agent': forged, referer: `{${forged}` }) })
    await request(
      `${url}/app?${encodeURIComponent(forged)}`,
      by('192.0.2.4', { accept: `"error":"no_route"` }),
    )
    await request(`${url}/room`, by('192.0.2.5', { ...basic('wrong'), 'user-agent': forged }))
    // Who scans.
    assert.equal((await request(`${url}/wp-login.php`, by('192.0.2.6'))).status, 404)
    assert.equal((await request(url, { target: '/..%2f..%2fetc/passwd', ...by('192.0.2.6') })).status, 400)

    const logs = join(folder, 'data/logs')
    const all = async () => {
      const texts = await Promise.all((await readdir(logs)).map((name) => readFile(join(logs, name), 'utf8')))
      return texts.join('')
    }
    await eventually(async () => (await all()).trim().split('\n').length === 10)
    const log = join(folder, 'all.log')
    await writeFile(log, await all())
    const found = async (name: string): Promise<string[]> => {
      const filter = join(projectFolder, `deploy/fail2ban/filter.d/${name}.conf`)
      const { stdout } = await promisify(execFile)(pathOf('fail2ban'), ['-o', 'ip', log, filter])
      return stdout.trim().split('\n').sort()
    }
    assert.deepEqual(await found('gatehouse-sign-in'), ['192.0.2.2', '192.0.2.3', '192.0.2.5'])
    assert.deepEqual(await found('gatehouse-scan'), ['192.0.2.6', '192.0.2.6'])
  },
)
