import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { promisify } from 'node:util'
import { gunzipSync } from 'node:zlib'
import { eventually } from '../harness/eventually.ts'
import { needs, pathOf } from '../harness/parts.ts'
import { request } from '../harness/request.ts'
import { tempFolder } from '../harness/temp-folder.ts'
import { startUpstream } from '../harness/upstream.ts'
import { startServing } from '../system/command.ts'
import { projectFolder } from '../system/shipped.ts'

test('logrotate under load loses no line: three rotations, two workers, no signal', {
  ...needs('logrotate'),
  timeout: 120_000,
}, async (t) => {
  const folder = await tempFolder(t)
  await mkdir(join(folder, 'data/logs'), { recursive: true })
  const app = await startUpstream(t, (_asked, response) => void response.end('fine'))
  const proxy = await startServing(
    t,
    `listeners: { http: { port: 0, address: 127.0.0.1 } }
admin: { port: 0 }
workers: 2
routes: [{ name: app, to: "${app.url}" }]
`,
    { folder },
  )
  const url = proxy.url('http')
  const logs = join(folder, 'data/logs')
  const shipped = await readFile(join(projectFolder, 'deploy/logrotate/gatehouse'), 'utf8')
  const config = join(folder, 'rotate.conf')
  // The user of a server is not there. The rest is as it is shipped.
  await writeFile(config, shipped.replace('/var/log/gatehouse', logs).replace(/^ *su .*\n/m, ''), {
    mode: 0o644,
  })
  const rotate = () =>
    promisify(execFile)(pathOf('logrotate'), ['--force', '--state', join(folder, 'state'), config])

  let asked = 0
  let goes = true
  const askers = Array.from({ length: 4 }, async () => {
    while (goes) {
      assert.equal((await request(`${url}/${asked++}`)).status, 200)
    }
  })
  const rotated = async () =>
    (await readdir(logs)).filter((name) => name !== 'access.log' && name.startsWith('access.log'))
  for (let turn = 1; turn <= 3; turn++) {
    const before = asked
    await eventually(() => asked > before + 100 && existsSync(join(logs, 'access.log')), { timeout: 30_000 })
    // Two files of one second would have one name.
    await new Promise((resolve) => setTimeout(resolve, 1_100))
    await rotate()
    assert.equal((await rotated()).length, turn)
  }
  const before = asked
  await eventually(() => asked > before + 100 && existsSync(join(logs, 'access.log')), { timeout: 30_000 })
  goes = false
  await Promise.all(askers)

  const lines = async (): Promise<string[]> => {
    const names = (await readdir(logs)).filter((name) => name.startsWith('access.log'))
    const texts = await Promise.all(
      names.map(async (name) => {
        const bytes = await readFile(join(logs, name))
        return (name.endsWith('.gz') ? gunzipSync(bytes) : bytes).toString()
      }),
    )
    return texts.join('').trimEnd().split('\n')
  }
  await eventually(async () => (await lines()).length >= asked, { timeout: 20_000, every: 200 })
  const uris = (await lines()).map((line) => JSON.parse(line).request.uri)
  assert.equal(uris.length, asked)
  assert.equal(new Set(uris).size, asked)
  assert.ok((await rotated()).some((name) => name.endsWith('.gz')))
})
