import assert from 'node:assert/strict'
import {
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, type TestContext, test } from 'node:test'
import { parseHtpasswd } from '../request/policies/htpasswd.ts'
import { readTokenKey } from '../request/policies/token-key.ts'
import { ensureDashboardFiles, ensureFirstStartFiles } from './init.ts'

const table = `
listeners:
  http: { port: "\${HTTP_PORT:-8080}" }
routes:
  - name: closed
    accessLog: data/logs/closed.log
    policies:
      basicAuth: { users: certs/closed.htpasswd }
  - name: desktops
    policies:
      jwt: { key: "certs/\${KEY_NAME:-desktops}.key" }
`

describe('the first start', () => {
  test('makes what the table names, and it is what the policies read', async (t) => {
    const folder = folderWith(t, table)
    const lines = await ensureFirstStartFiles(folder, {})
    const password = /^certs\/closed\.htpasswd: user admin, password (\S+) /.exec(lines[0] ?? '')?.[1] ?? ''
    assert.match(password, /^([a-z2-9]{4}-){3}[a-z2-9]{4}$/)
    assert.equal(lines[1], 'certs/desktops.key: a new random key')
    assert.equal(lines.length, 2)

    const users = parseHtpasswd(readFileSync(join(folder, 'certs/closed.htpasswd')), 'closed.htpasswd')
    assert.deepEqual([...users.keys()], ['admin'])
    assert.equal(await users.get('admin')?.verify(password), true)
    assert.equal(await users.get('admin')?.verify('admin'), false)
    const key = readTokenKey(readFileSync(join(folder, 'certs/desktops.key')), 'desktops.key')
    assert.deepEqual([key.kind, key.fits], ['secret', ['HS256']])
    assert.ok(readFileSync(join(folder, 'data/first-start.txt'), 'utf8').includes(password))
    assert.ok(statSync(join(folder, 'data/logs')).isDirectory())
  })

  test('makes the folder of a page that is not built yet, and no other folder', async (t) => {
    const folder = folderWith(
      t,
      'routes: [{ files: dist/pages/one }, { files: { root: dist/pages/two } }, { files: services/sties }]',
    )
    await ensureFirstStartFiles(folder, {})
    for (const page of ['dist/pages/one', 'dist/pages/two'])
      assert.ok(statSync(join(folder, page)).isDirectory())
    assert.equal(existsSync(join(folder, 'services')), false)
  })

  test('lets nobody else read them', async (t) => {
    const folder = folderWith(t, table)
    await ensureFirstStartFiles(folder, {})
    for (const file of ['certs/closed.htpasswd', 'certs/desktops.key', 'data/first-start.txt'])
      assert.equal(statSync(join(folder, file)).mode & 0o777, 0o600, file)
  })

  test('makes other secrets in each folder', async (t) => {
    const folders = [folderWith(t, table), folderWith(t, table)]
    for (const folder of folders) await ensureFirstStartFiles(folder, {})
    for (const file of ['certs/closed.htpasswd', 'certs/desktops.key']) {
      const [one, other] = folders.map((folder) => readFileSync(join(folder, file), 'utf8'))
      assert.notEqual(one, other)
    }
  })

  test('is the first only once', async (t) => {
    const folder = folderWith(t, table)
    await ensureFirstStartFiles(folder, {})
    const before = contents(folder)
    assert.deepEqual(await ensureFirstStartFiles(folder, {}), [])
    assert.deepEqual(contents(folder), before)
  })

  test('leaves alone what exists, empty files and loose links included', async (t) => {
    const folder = folderWith(
      t,
      'routes: [{ policies: { jwt: { key: a.key }, basicAuth: { users: users } } }]',
    )
    writeFileSync(join(folder, 'users'), '')
    symlinkSync('nowhere', join(folder, 'a.key'))
    assert.deepEqual(await ensureFirstStartFiles(folder, {}), [])
    assert.equal(readFileSync(join(folder, 'users'), 'utf8'), '')
    assert.ok(!existsSync(join(folder, 'nowhere')))
  })

  test('fills in the environment as the loader does', async (t) => {
    const folder = folderWith(t, table)
    await ensureFirstStartFiles(folder, { KEY_NAME: 'other' })
    assert.ok(existsSync(join(folder, 'certs/other.key')))
  })

  const passedOver: [what: string, policies: string][] = [
    ['a file outside the folder', '{ jwt: { key: ../outside.key } }'],
    ['an absolute path', '{ jwt: { key: /tmp/gatehouse-never.key } }'],
    ['a secret of the environment', '{ jwt: { key: "env:A.key" } }'],
    ['a public key', '{ jwt: { key: certs/issuer.pem } }'],
    ['a value of the wrong shape', '{ jwt: [1], basicAuth: { users: 7 } }'],
    ['a policy that is switched off', '{ jwt: false }'],
    ['no policies', '~'],
  ]
  for (const [what, policies] of passedOver) {
    test(`makes nothing for ${what}`, async (t) => {
      const folder = folderWith(t, `accessLog: { file: stdout }\nroutes:\n  - policies: ${policies}\n`)
      assert.deepEqual(await ensureFirstStartFiles(folder, {}), [])
      assert.deepEqual(readdirSync(folder), ['routes.yaml'])
      assert.ok(!existsSync('/tmp/gatehouse-never.key'))
    })
  }

  for (const text of [undefined, '', '{', 'routes: 7', '- a']) {
    test(`leaves ${JSON.stringify(text) ?? 'a missing table'} to the loader`, async (t) => {
      assert.deepEqual(await ensureFirstStartFiles(folderWith(t, text), {}), [])
    })
  }
})

describe('the first start of the dashboard', () => {
  test('makes a user whose password is told once, and a key that is not', async (t) => {
    const folder = folderWith(t, 'routes: []')
    const lines = await ensureDashboardFiles(folder)
    assert.equal(lines.length, 1)
    const password =
      /^certs\/dashboard\.htpasswd: user admin, password (\S+) /.exec(lines[0] ?? '')?.[1] ?? ''
    const users = parseHtpasswd(readFileSync(join(folder, 'certs/dashboard.htpasswd')), 'dashboard.htpasswd')
    assert.equal(await users.get('admin')?.verify(password), true)
    for (const file of ['certs/dashboard.htpasswd', 'certs/dashboard.key', 'data/first-start.txt'])
      assert.equal(statSync(join(folder, file)).mode & 0o777, 0o600, file)
    const before = contents(folder)
    assert.deepEqual(await ensureDashboardFiles(folder), [])
    assert.deepEqual(contents(folder), before)
  })

  test('is no reason not to serve where nothing can be written', async (t) => {
    const folder = folderWith(t, 'routes: []')
    symlinkSync('/proc', join(folder, 'certs'))
    const [line = ''] = await ensureDashboardFiles(folder)
    assert.match(
      line,
      /^nothing for the dashboard \(.+\); `gatehouse hash NAME --file certs\/dashboard\.htpasswd`/,
    )
  })
})

function folderWith(t: TestContext, text: string | undefined): string {
  const base = mkdtempSync(join(tmpdir(), 'gatehouse-init-'))
  t.after(() => rmSync(base, { recursive: true, force: true }))
  if (text !== undefined) writeFileSync(join(base, 'routes.yaml'), text)
  return base
}

function contents(folder: string): [string, string][] {
  const names = readdirSync(folder, { recursive: true, encoding: 'utf8' })
  return names
    .filter((name) => statSync(join(folder, name)).isFile())
    .map((name) => [name, readFileSync(join(folder, name), 'utf8')])
}
