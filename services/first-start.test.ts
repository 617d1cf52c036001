import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { prepare } from './first-start.ts'

const needs = {
  upstreams: ['photos'],
  keys: { SECRET_KEY_FILE: 'certs/photos.key' },
  password: { variable: 'AUTH_PASSWORD_FILE', file: 'certs/photos.password', user: 'admin' },
}

test('a first start makes keys, a password and a token once, for their owner alone', async (t) => {
  const project = join(import.meta.dirname, '..')
  const folder = mkdtempSync(join(tmpdir(), 'first-start-'))
  const home = process.cwd()
  t.after(() => {
    process.chdir(home)
    rmSync(folder, { recursive: true })
  })
  writeFileSync(
    join(folder, 'routes.yaml'),
    'listeners: { http: { port: 8080 } }\nupstreams: { photos: { leased: true } }\nroutes: [{ name: photos, match: {}, to: photos }]\n',
  )
  writeFileSync(join(folder, 'gatehouse'), `#!/bin/sh\nexec "${project}/gatehouse" "$@"\n`, { mode: 0o755 })
  symlinkSync(join(project, 'node_modules'), join(folder, 'node_modules'))
  process.chdir(folder)

  const first = await prepare('photos', needs, {})
  assert.equal(first.SECRET_KEY_FILE, 'certs/photos.key')
  assert.equal(first.GATEHOUSE_ADMIN, 'http://127.0.0.1:9901')
  const claims = JSON.parse(Buffer.from(first.GATEHOUSE_TOKEN?.split('.')[1] ?? '', 'base64url').toString())
  assert.deepEqual(claims.upstreams, ['photos'])
  const key = readFileSync('certs/photos.key', 'utf8')
  const password = readFileSync('certs/photos.password', 'utf8')
  assert.equal(Buffer.from(key, 'base64url').length, 32)
  assert.equal(statSync('certs/photos.password').mode & 0o777, 0o600)
  assert.match(
    readFileSync('data/first-start.txt', 'utf8'),
    new RegExp(`photos: user admin, password ${password}`),
  )

  await prepare('photos', needs, {})
  assert.equal(readFileSync('certs/photos.key', 'utf8'), key)
  assert.equal(readFileSync('certs/photos.password', 'utf8'), password)

  const given = await prepare('photos', needs, {
    SECRET_KEY: 'mine',
    GATEHOUSE_TOKEN: 'theirs',
    ADMIN_PORT: '9',
  })
  assert.equal(given.SECRET_KEY_FILE, undefined)
  assert.equal(given.GATEHOUSE_TOKEN, 'theirs')
  assert.equal(given.GATEHOUSE_ADMIN, 'http://127.0.0.1:9')
})
