import assert from 'node:assert/strict'
import { mkdir, readFile, symlink } from 'node:fs/promises'
import { createServer } from 'node:http'
import { join } from 'node:path'
import { before, suite, test } from 'node:test'
import { runCli } from '../harness/cli.ts'
import { eventually } from '../harness/eventually.ts'
import { request } from '../harness/request.ts'
import { onEnd } from '../harness/teardown.ts'
import { startUpstream } from '../harness/upstream.ts'
import { type Scene, startScene } from './scene.ts'

suite('who may announce what', { concurrency: false }, () => {
  let scene: Scene
  let url: string
  const t = { after: (undo: () => void | Promise<void>) => undos.push(undo) }
  const undos: (() => void | Promise<void>)[] = []
  before(async () => {
    scene = await startScene(t, { workers: 1 })
    url = (await startUpstream(t)).url
  })
  test.after(async () => {
    for (const undo of undos) await undo()
  })

  const codeOf = ({ status, text }: { status: number; text: string }): string =>
    `${status} ${(JSON.parse(text) as { code?: string }).code ?? ''}`.trim()

  test('without a token nobody is announced', async () => {
    const reply = await request(`${scene.admin}/v1/upstreams/photos/targets/one`, {
      method: 'PUT',
      body: '{}',
    })
    assert.equal(codeOf(reply), '401 token_required')
    assert.equal(reply.headers['www-authenticate'], 'Bearer')
  })

  test('a token that another key signed is refused, and so is one for something else', async () => {
    const [head, , signature] = scene.token.split('.')
    const claims = Buffer.from(JSON.stringify({ upstreams: ['photos'], jti: 'x', exp: 9e9 })).toString(
      'base64url',
    )
    const forged = await scene.call('PUT', 'photos/targets/one', { url }, `${head}.${claims}.${signature}`)
    assert.equal(codeOf(forged), '401 token_invalid')
  })

  test('a token for another upstream is refused, and the audit log says so', async () => {
    const { token, id } = await scene.makeToken(['camera'])
    const reply = await scene.call('PUT', 'photos/targets/one', { url }, token)
    assert.equal(codeOf(reply), '403 claim_denied')
    assert.equal(
      codeOf(await scene.call('DELETE', 'photos/targets/one', undefined, token)),
      '403 claim_denied',
    )
    await eventually(async () =>
      (await auditOf(scene)).some(({ event, token: by }) => event === 'refused' && by === id),
    )
  })

  test('a token that was revoked does not hold, not even for a lease that it made', async () => {
    const { token, id } = await scene.makeToken(['photos'])
    assert.equal((await scene.call('PUT', 'photos/targets/two', { url }, token)).status, 201)
    const { code } = await runCli(['token', '--revoke', id, '--file', scene.file])
    assert.equal(code, 0)
    await eventually(
      async () =>
        codeOf(await scene.call('PUT', 'photos/targets/two', { url }, token)) === '401 token_invalid',
    )
    assert.equal((await scene.call('DELETE', 'photos/targets/two')).status, 204)
  })

  test('a token is made only for leased upstreams of routes.yaml', async () => {
    const { code, stderr } = await runCli(['token', '--upstream', 'fixed', '--file', scene.file])
    assert.equal(code, 2)
    assert.match(stderr, /fixed is no leased upstream of .*; it has photos, camera, desktop, visits/)
  })

  const addresses: [string, () => string, string][] = [
    ['outside of the networks', () => 'http://10.1.2.3:80', '403 address_not_allowed'],
    ['the metadata service of a cloud', () => 'http://169.254.169.254', '403 address_not_allowed'],
    ['the same as a number', () => 'http://2852039166/', '403 address_not_allowed'],
    ["the proxy's own listener", () => `http://127.0.0.1:${scene.ports.http}`, '403 address_not_allowed'],
    [
      'the same on another address of loopback',
      () => `http://127.9.9.9:${scene.ports.http}`,
      '403 address_not_allowed',
    ],
    ['the same by name', () => `http://localhost:${scene.ports.http}`, '403 address_not_allowed'],
    ['the admin listener', () => scene.admin, '403 address_not_allowed'],
    [
      'the same as a mapped address',
      () => `http://[::ffff:127.0.0.1]:${scene.ports.admin}`,
      '403 address_not_allowed',
    ],
    ['any address', () => 'http://0.0.0.0:3000', '403 address_not_allowed'],
    ['a name that nobody has', () => 'http://nobody.invalid:3000', '403 address_not_allowed'],
    ['a socket where none may be', () => 'unix:/var/run/docker.sock', '403 address_not_allowed'],
    ['no address at all', () => 'ftp://127.0.0.1', '400 bad_request'],
  ]
  for (const [what, target, answer] of addresses)
    test(`a lease for ${what} is refused`, async () => {
      const reply = await scene.call('PUT', 'photos/targets/evil', { url: target() })
      assert.equal(codeOf(reply), answer)
      assert.ok((await scene.targets()).every(({ id }) => id !== 'evil'))
    })

  test('a unix socket is taken where the upstream allows it, and not by a link that leads out', async () => {
    const socket = join(scene.folder, 'sockets', 'app.sock')
    const outside = await startUpstream(t, undefined, { unix: true })
    await mkdir(join(scene.folder, 'sockets'))
    const server = createServer((_, response) => void response.end('by socket')).listen(socket)
    onEnd(t, () => void server.close())
    assert.equal((await scene.call('PUT', 'visits/targets/one', { url: `unix:${socket}` })).status, 201)
    await eventually(async () => (await request(`${scene.url}/visits`)).text === 'by socket')
    const link = join(scene.folder, 'sockets', 'link.sock')
    await symlink(outside.url.slice('unix:'.length), link)
    assert.equal(
      codeOf(await scene.call('PUT', 'visits/targets/two', { url: `unix:${link}` })),
      '403 address_not_allowed',
    )
  })

  const refused: [string, string, object | undefined, string][] = [
    ['an upstream that is not leased', 'fixed/targets/one', undefined, '403 claim_denied'],
    ['a keyed upstream without a key', 'desktop/targets/one', undefined, '400 key_missing'],
    ['a key where there are none', 'photos/keys/alice/targets/one', undefined, '400 key_unexpected'],
    ['an id that is no word', 'photos/targets/..%2f..', undefined, '404 no_route'],
    ['a ttl without end', 'photos/targets/one', { ttl: '365d' }, '400 bad_request'],
    ['a key that nobody knows', 'photos/targets/one', { admin: true }, '400 bad_request'],
    [
      'more metadata than is good',
      'photos/targets/one',
      { metadata: { a: 'x'.repeat(300) } },
      '400 bad_request',
    ],
    [
      'a body of more than 16 KB',
      'photos/targets/one',
      { metadata: { a: 'x'.repeat(20_000) } },
      '413 body_too_large',
    ],
  ]
  for (const [what, path, more, answer] of refused)
    test(`${what} is refused`, async () => {
      assert.equal(codeOf(await scene.call('PUT', path, { url, ...more })), answer)
    })

  // Libraries compile patterns of paths into expressions that take minutes for a short path, or match what they should
  // not (CVE-2026-4867, CVE-2026-4926). Routes are the operator's alone; a lease says where it is, and no more.
  const patterns: [what: string, more: object][] = [
    ['a path', { path: '/{a{b}}c*' }],
    ['what it matches', { match: { path: '/:a*:b*', host: '*.test' } }],
    ['a route of its own', { routes: [{ name: 'mine', match: { path: '/' } }] }],
    ['an address with a pattern as its port', { url: 'http://127.0.0.1:*' }],
    ['an address with a pattern as its path', { url: 'http://127.0.0.1:80/:a*' }],
    ['an address with a pattern as its query', { url: 'http://127.0.0.1:80?(a+)+$' }],
    ['an address of any host', { url: 'http://*:80' }],
    ['an address of several', { url: 'http://{127.0.0.1,10.0.0.5}:80' }],
  ]
  for (const [what, more] of patterns)
    test(`a registration with a pattern is refused: ${what}`, async () => {
      const reply = await scene.call('PUT', 'photos/targets/pattern', { url, ...more })
      assert.ok(reply.status === 400 || reply.status === 403, reply.text)
      assert.ok((await scene.targets()).every(({ id }) => id !== 'pattern'))
    })

  test('an id or a key that looks like a pattern is no other name for any target', async () => {
    for (const id of ['*', ':id', '(.*)', '.+', 'o%6ee', 'one*'])
      assert.ok((await scene.call('PUT', `photos/targets/${id}`, { url })).status >= 400, id)
    for (const key of [':key', '*', '(a+)+$'])
      assert.ok((await scene.call('PUT', `desktop/keys/${key}/targets/one`, { url })).status >= 400, key)
    assert.ok((await scene.targets()).every(({ id = '' }) => /^[\w-]*$/.test(id)))
  })

  test('every change is one line in the audit log, and a heartbeat none', async () => {
    for (const status of [201, 200, 200])
      assert.equal((await scene.call('PUT', 'photos/targets/audited', { url })).status, status)
    assert.equal((await scene.call('PUT', 'photos/targets/audited', { url, state: 'draining' })).status, 200)
    assert.equal((await scene.call('DELETE', 'photos/targets/audited')).status, 204)
    assert.equal(codeOf(await scene.call('DELETE', 'photos/targets/audited')), '404 lease_unknown')
    await eventually(async () => {
      const events = (await auditOf(scene)).filter(({ id }) => id === 'audited').map(({ event }) => event)
      assert.deepEqual(events, ['registered', 'draining', 'left'])
      return true
    })
  })

  test('gatehouse upstreams shows each target, and where nothing has announced itself', async () => {
    await scene.call('PUT', 'photos/targets/shown', { url, metadata: { version: '1.2' } })
    const { stdout, code } = await runCli(['upstreams', '--file', scene.file])
    assert.match(stdout, new RegExp(`^photos/shown +${url} +well +0 +\\d+s of 30s +\\d+s$`, 'm'))
    assert.match(stdout, /^fixed +http:\/\/127\.0\.0\.1:9 +well +0 +fixed$/m)
    assert.match(stdout, /^camera +away +nothing has announced itself$/m)
    assert.doesNotMatch(stdout, /^desktop /m, 'keyed ones come and go')
    assert.equal(code, 1)
    const { stdout: answer } = await runCli(['upstreams', '--json', '--file', scene.file])
    const { targets, empty } = JSON.parse(answer)
    assert.deepEqual(empty, ['camera'])
    assert.deepEqual(targets.find(({ id }: { id?: string }) => id === 'shown').lease.metadata, {
      version: '1.2',
    })
  })
})

async function auditOf({ folder }: Scene): Promise<Record<string, string>[]> {
  const text = await readFile(join(folder, 'data/logs/audit.log'), 'utf8')
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line))
}
