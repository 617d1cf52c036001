import assert from 'node:assert/strict'
import { mkdir, readdir, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { connect } from 'node:tls'
import { selfSigned } from '../harness/certificate.ts'
import { runCli } from '../harness/cli.ts'
import { eventually } from '../harness/eventually.ts'
import { needs } from '../harness/parts.ts'
import { type Reply, request } from '../harness/request.ts'
import type { Teardown } from '../harness/teardown.ts'
import { tempFolder } from '../harness/temp-folder.ts'
import { startUpstream } from '../harness/upstream.ts'
import { type Serving, startServing } from '../system/command.ts'
import { addressOfTest, startAuthority, type TestAuthority } from './authority.ts'

/**
 * Certificates from order to renewal, by a real authority. It fetches proofs from port 80, which the test has on an
 * address of its own of the loopback range.
 */
const parts = { ...needs('caddy', 'netns'), timeout: 120_000 }
const long = 60_000

interface SceneOptions {
  /** A host of a second route. */
  readonly more?: string
  /** Where the authority believes app.test to be. Default: where it is. */
  readonly leads?: string
  /** Further entries of `routes`, and keys of `automatic`, in YAML. */
  readonly routes?: (upstream: string) => string
  readonly automatic?: string
  readonly folder?: string
}

interface Scene extends Serving {
  readonly authority: TestAuthority
  /** Where the listener is that proofs are fetched from. */
  readonly address: string
  /** Of TLS. */
  readonly port: number
  /** Over TLS, with a certificate that the authority has signed. */
  ask(host: string): Promise<Reply>
  certs(...args: string[]): ReturnType<typeof runCli>
}

/** A Gatehouse with two workers that gets certificates from an authority of its own. */
async function openScene(t: Teardown, options: SceneOptions = {}): Promise<Scene> {
  const address = addressOfTest()
  const { url } = await startUpstream(t)
  const names = ['app.test', ...(options.more === undefined ? [] : [options.more])]
  const authority = await startAuthority(
    t,
    Object.fromEntries(names.map((name) => [name, options.leads ?? address])),
  )
  const automatic = `{ email: ops@example.com, directory: "${authority.directory}", ca: ${authority.rootFile}, ${options.automatic ?? ''} }`
  const table = `
listeners:
  http: { port: 80, address: ${address}, redirect: https, publicPort: 80 }
  https: { port: 0, address: 127.0.0.1 }
admin: { port: 0 }
workers: 2
tls: { automatic: ${automatic} }
routes:
  - { name: app, match: { host: app.test }, to: "${url}" }
${options.more === undefined ? '' : `  - { name: more, match: { host: [${options.more}, localhost] }, to: "${url}" }`}
${options.routes?.(url) ?? ''}
`
  const gatehouse = await startServing(t, table, { folder: options.folder })
  const port = Number(new URL(gatehouse.url('https')).port)
  return {
    ...gatehouse,
    authority,
    address,
    port,
    ask: (host) =>
      request(`https://127.0.0.1:${port}`, { headers: { host }, servername: host, ca: authority.root }),
    certs: (...args) => runCli(['certs', '--admin', gatehouse.admin, ...args], { cwd: gatehouse.folder }),
  }
}

test('hosts of routes get certificates by themselves, and all workers serve them', parts, async (t) => {
  const gatehouse = await openScene(t, { more: 'shop.test' })
  for (const host of ['app.test', 'shop.test'])
    await eventually(async () => (await gatehouse.ask(host)).status === 200, { timeout: long })
  // Another worker may answer the next.
  const statuses = await Promise.all(Array.from({ length: 12 }, () => gatehouse.ask('app.test')))
  assert.deepEqual([...new Set(statuses.map(({ status }) => status))], [200])

  const { code, stdout } = await gatehouse.certs('--json')
  const { automatic } = JSON.parse(stdout)
  assert.deepEqual(
    automatic.map(({ host, state }: { host: string; state: string }) => [host, state]),
    [
      ['app.test', 'issued'],
      ['shop.test', 'issued'],
    ],
  )
  assert.equal(code, 1, 'six hours are less than two weeks')

  // Keys are for their owner alone, and no proof is left behind.
  const storage = join(gatehouse.folder, 'data/acme')
  for (const name of await readdir(join(storage, 'certificates')))
    assert.equal((await stat(join(storage, 'certificates', name))).mode & 0o077, 0)
  await eventually(async () => {
    const left = await readdir(join(storage, 'webroot/.well-known/acme-challenge')).catch(() => [])
    return left.length === 0
  })
  const said = gatehouse.output.stderr
  assert.doesNotMatch(said, /PRIVATE KEY/)
})

test(
  'a route that takes everything on port 80 does not keep the authority from its proofs',
  parts,
  async (t) => {
    const { ask, address } = await openScene(t, {
      routes: (url) => `  - { name: all, listeners: [http], policies: { deny: [0.0.0.0/0] }, to: "${url}" }`,
    })
    await eventually(async () => (await ask('app.test')).status === 200, { timeout: long })
    assert.equal((await request(`http://${address}/`)).status, 403)
  },
)

test('a certificate is renewed under load, and no handshake fails', parts, async (t) => {
  const folder = await tempFolder(t)
  // One that somebody had: it ends in a while, so it is due.
  const old = await selfSigned(['app.test'])
  await mkdir(join(folder, 'data/acme/certificates'), { recursive: true })
  await writeFile(join(folder, 'data/acme/certificates/app.test.pem'), `${old.key}\n${old.cert}`)
  const gatehouse = await openScene(t, { automatic: 'renewBefore: 5d', folder })

  let handshakes = 0
  const failures: string[] = []
  const issuers = new Set<string>()
  let busy = true
  const load = Array.from({ length: 4 }, async () => {
    while (busy) {
      await handshake(gatehouse.port)
        .then((issuer) => issuers.add(issuer))
        .catch((error: Error) => failures.push(error.message))
      handshakes++
    }
  })
  await eventually(() => [...issuers].some((issuer) => issuer.includes('Caddy')), { timeout: long })
  const before = handshakes
  await eventually(() => handshakes > before + 50, { timeout: long })
  busy = false
  await Promise.all(load)
  assert.deepEqual(failures, [])
  assert.equal(issuers.size, 2, [...issuers].join())
  await gatehouse.said(/a certificate was renewed/)
})

test(
  'a host that does not lead here is told with the mend, and what is there is served on',
  parts,
  async (t) => {
    // Nobody listens at the address that the authority knows.
    const gatehouse = await openScene(t, { leads: '127.250.250.250' })
    await gatehouse.said(/a certificate was not issued; what is there is served on/, long)
    const { code, stdout } = await gatehouse.certs()
    assert.equal(code, 1)
    assert.match(stdout, /app\.test\n {2}could not be got once: .*\n {2}→ .*port 80.*\n {2}again at/)
    const { text } = await request(`${gatehouse.admin}/readyz`)
    assert.match(text, /the certificate of app\.test \(has none\) cannot be got/)
    assert.equal(JSON.parse(text).ready, true)
    const served = await request(`https://127.0.0.1:${gatehouse.port}`, { headers: { host: 'app.test' } })
    assert.equal(served.status, 200)

    await gatehouse.authority.stop()
    const metrics = await request(`${gatehouse.admin}/metrics`)
    assert.match(metrics.text, /^gatehouse_tls_orders_total\{result="failure"\} [1-9]/m)
  },
)

function handshake(port: number): Promise<string> {
  return new Promise((done, failed) => {
    const socket = connect(
      { port, host: '127.0.0.1', servername: 'app.test', rejectUnauthorized: false },
      () => {
        const { issuer } = socket.getPeerCertificate()
        socket.destroy()
        done(String(issuer.CN ?? issuer.O ?? ''))
      },
    )
    socket.on('error', failed)
  })
}
