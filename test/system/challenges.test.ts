/**
 * A route that takes every path of the plain listener does not keep an ACME authority from the proofs of our orders.
 *
 * Fault: challenges were looked for where no route fitted. One catch-all route on port 80 hid them, and certificates
 * were got on the day of the first start and not renewed after the route was added.
 *
 * Right: a proof that is there comes before every route, its policies included; nothing else below that path does. A
 * folder of certbot's, of which the proxy does not know what it holds, stays behind the routes, and `check` says so.
 */
import assert from 'node:assert/strict'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { incomingOf } from '../../proxy/rehearsal/sample-request.ts'
import { rehearse } from '../../proxy/request/rehearsal.ts'
import { runCli } from '../harness/cli.ts'
import { startProxy } from '../harness/proxy.ts'
import { request } from '../harness/request.ts'
import { tempFolder } from '../harness/temp-folder.ts'
import { openWebSocket } from '../harness/websocket.ts'

const below = '/.well-known/acme-challenge'
const token = 'a-token-of-an-order-that-is-under-way'

test('the proof of an order comes before a route that takes everything, and nothing else does', async (t) => {
  const folder = await tempFolder(t)
  const proofs = join(folder, 'data/acme/webroot', below)
  await mkdir(proofs, { recursive: true })
  await writeFile(join(proofs, token), 'its proof')
  await writeFile(join(proofs, 'short'), 'no token')
  const proxy = await startProxy(
    t,
    `
    listeners: { http: { port: 0, address: 127.0.0.1 }, https: { port: 0, address: 127.0.0.1 } }
    tls: { automatic: { email: ops@example.com } }
    routes: [{ name: all, listeners: [http, https], policies: { deny: [0.0.0.0/0] }, redirect: /elsewhere }]
    `,
    { folder },
  )
  const ask = async (path: string, { listener = 'http', method = 'GET' } = {}): Promise<string> => {
    const { status, text } = await request(proxy.url(listener) + path, { method })
    return status === 200 ? text : String(status)
  }
  assert.equal(await ask(`${below}/${token}`), 'its proof')
  assert.equal(await ask(`${below}/${token}`, { method: 'POST' }), '405')
  assert.equal(await ask(`${below}/${token}`, { listener: 'https' }), '403')
  for (const other of ['another-token-that-nobody-asked-for', 'short', `${token}/x`, `..%2f${token}`, ''])
    assert.match(await ask(`${below}/${other}`), /^40[03]$/, other)
  await assert.rejects(openWebSocket(t, `${proxy.url('http').replace('http', 'ws')}${below}/${token}`), /403/)

  const asked = {
    method: 'GET',
    from: '127.0.0.1',
    headers: [],
    http2: false,
    upgrade: false,
    listener: 'http',
  }
  const { unmatched, route } = await rehearse(
    incomingOf({ ...asked, url: `http://x${below}/${token}` }, proxy.gatehouse.config),
    proxy.gatehouse.state,
  )
  assert.deepEqual([unmatched?.kind, route], ['challenge', undefined])
})

test('check says which route hides the folder of certbot, and what it says to add brings it back', async (t) => {
  const folder = await tempFolder(t)
  await mkdir(join(folder, 'certbot', below), { recursive: true })
  await writeFile(join(folder, 'certbot', below, token), 'its proof')
  const table = (more = '') => `
listeners: { http: { port: 0, address: 127.0.0.1, acmeWebroot: certbot } }
routes:
  - { name: all, redirect: /elsewhere }
${more}`
  await writeFile(join(folder, 'routes.yaml'), table())
  const { stdout, stderr } = await runCli(['check'], { cwd: folder })
  const said =
    /acmeWebroot: is never looked into: the route all on line 4 takes .* as well; add a route for it: \{ (.*) \} \(warning\)$/m
  const [, mend = ''] = said.exec(stdout + stderr) ?? []
  assert.notEqual(mend, '', stdout + stderr)

  const hidden = await startProxy(t, table(), { folder })
  assert.equal((await request(`${hidden.url()}${below}/${token}`)).status, 308)
  const mended = table(`  - { name: challenges, ${mend} }\n`)
  await hidden.reload(mended)
  assert.equal((await request(`${hidden.url()}${below}/${token}`)).text, 'its proof')
  await writeFile(join(folder, 'routes.yaml'), mended)
  const again = await runCli(['check'], { cwd: folder })
  assert.doesNotMatch(again.stdout + again.stderr, /acmeWebroot/)
})
