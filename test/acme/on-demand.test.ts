import assert from 'node:assert/strict'
import { mkdir, readdir, writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { test } from 'node:test'
import { connect } from 'node:tls'
import { selfSigned } from '../harness/certificate.ts'
import { eventually } from '../harness/eventually.ts'
import { needs } from '../harness/parts.ts'
import { request } from '../harness/request.ts'
import { onEnd, type Teardown } from '../harness/teardown.ts'
import { tempFolder } from '../harness/temp-folder.ts'
import { startUpstream } from '../harness/upstream.ts'
import { startServing } from '../system/command.ts'
import { addressOfTest, startAuthority } from './authority.ts'

/** Hosts that are in no table: a client names one, somebody is asked, and it gets a certificate. */
const parts = needs('caddy', 'netns')
const patient = { timeout: 90_000, every: 200 }

test('a host that a client names gets a certificate, and names that are made up get nothing', {
  ...parts,
  timeout: 240_000,
}, async (t) => {
  const address = addressOfTest()
  const names = ['k1.desk.test', 'k2.desk.test', 'evil.desk.test']
  const authority = await startAuthority(t, Object.fromEntries(names.map((name) => [name, address])))
  const upstream = await startUpstream(t)
  const asked: string[] = []
  const ask = await startAsked(t, (domain) => {
    asked.push(domain)
    return /^k\d\.desk\.test$/.test(domain)
  })
  const gatehouse = await startServing(
    t,
    `
listeners:
  http: { port: 80, address: ${address}, redirect: https }
  https: { port: 443, address: ${address} }
admin: { port: 0 }
workers: 2
tls:
  automatic:
    email: ops@example.com
    directory: "${authority.directory}"
    ca: ${authority.rootFile}
    hosts: []
    onDemand: { hosts: ["*.desk.test"], ask: "${ask}" }
routes:
  - { name: desk, match: { host: "*.desk.test" }, to: "${upstream.url}" }
`,
  )
  // Thousands of names that somebody made up: of the right form, of a wrong one, and of another domain.
  const began = performance.now()
  const flood = Array.from({ length: 2_000 }, (_, at) =>
    at % 4 === 0
      ? `x${at}.desk.test`
      : at % 4 === 1
        ? `a.b${at}.desk.test`
        : at % 4 === 2
          ? `x${at}.test`
          : `x_${at}.desk.test`,
  )
  const outcomes: Promise<string>[] = []
  for (const name of flood) {
    outcomes.push(issuerFor(address, name))
    if (outcomes.length % 8 === 0) await Promise.all(outcomes.slice(-8))
  }
  const issuers = await Promise.all(outcomes)
  const took = performance.now() - began
  assert.equal(issuers.filter((issuer) => issuer.includes('Caddy')).length, 0)
  // Each of them was served with what there is, and few were asked about.
  assert.equal(issuers.length, flood.length)
  assert.ok(asked.length <= 300, `${asked.length} were asked about`)
  assert.equal(
    asked.filter((name) => !/^x\d+\.desk\.test$/.test(name)).length,
    0,
    'only names of the right form are asked about',
  )
  assert.equal(await authority.orders(), 0)
  t.diagnostic(`${flood.length} made-up names in ${Math.round(took)} ms, ${asked.length} asked about`)

  await eventually(async () => {
    return (await issuerFor(address, 'k1.desk.test')).includes('Caddy')
  }, patient)
  const reply = await request(`https://${address}`, {
    headers: { host: 'k1.desk.test' },
    servername: 'k1.desk.test',
    ca: authority.root,
  })
  assert.equal(reply.status, 200)
  assert.equal(await authority.orders(), 1)
  assert.deepEqual(await readdir(join(gatehouse.folder, 'data/acme/certificates')), ['k1.desk.test.pem'])
  assert.doesNotMatch(gatehouse.output.stderr, /worker has ended/)
})

test('who is asked decides of a renewal, too: on a no it runs out, and on silence it is renewed', {
  ...parts,
  timeout: 240_000,
}, async (t) => {
  const address = addressOfTest()
  const names = ['stays.desk.test', 'gone.desk.test', 'silent.desk.test']
  const authority = await startAuthority(t, Object.fromEntries(names.map((name) => [name, address])))
  const upstream = await startUpstream(t)
  const ask = await startAsked(t, (domain) =>
    domain.startsWith('silent') ? undefined : domain.startsWith('stays'),
  )
  const folder = await tempFolder(t)
  await mkdir(join(folder, 'data/acme/certificates'), { recursive: true })
  // They end in a day, so all three are due.
  for (const name of names) {
    const { key, cert } = await selfSigned([name])
    await writeFile(join(folder, `data/acme/certificates/${name}.pem`), `${key}\n${cert}`, { mode: 0o600 })
  }
  const gatehouse = await startServing(
    t,
    `
listeners:
  http: { port: 80, address: ${address}, redirect: https }
  https: { port: 443, address: ${address} }
admin: { port: 0 }
workers: 2
tls:
  automatic:
    email: ops@example.com
    directory: "${authority.directory}"
    ca: ${authority.rootFile}
    renewBefore: 5d
    hosts: []
    onDemand: { hosts: ["*.desk.test"], ask: "${ask}" }
routes:
  - { name: desk, match: { host: "*.desk.test" }, to: "${upstream.url}" }
`,
    { folder },
  )
  for (const name of ['stays.desk.test', 'silent.desk.test'])
    await eventually(async () => (await issuerFor(address, name)).includes('Caddy'), patient)
  await gatehouse.said(/a certificate is not renewed/, 60_000)
  // What there is, is served until it ends.
  assert.equal(await issuerFor(address, 'gone.desk.test'), 'gone.desk.test')
  assert.equal(await authority.orders(), 2)
  const { text } = await request(`${gatehouse.admin}/metrics`)
  for (const [result, count] of [
    ['allowed', 1],
    ['denied', 1],
    ['failed', 1],
  ] as const)
    assert.match(text, new RegExp(`^gatehouse_tls_asks_total\\{result="${result}"\\} ${count}$`, 'm'))
})

/** Answers 200 or 404, or not at all, and where it is asked. */
async function startAsked(t: Teardown, isAllowed: (domain: string) => boolean | undefined): Promise<string> {
  const server = createServer(({ url = '' }, response) => {
    const domain = new URL(url, 'http://x').searchParams.get('domain') ?? ''
    const answer = isAllowed(domain)
    if (answer === undefined) response.destroy()
    else response.writeHead(answer ? 200 : 404).end()
  })
  onEnd(t, () => void server.close().closeAllConnections())
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/allowed`
}

function issuerFor(host: string, servername: string): Promise<string> {
  return new Promise((done, failed) => {
    const socket = connect({ port: 443, host, servername, rejectUnauthorized: false }, () => {
      const { issuer } = socket.getPeerCertificate()
      socket.destroy()
      done(String(issuer.CN ?? issuer.O ?? ''))
    })
    socket.on('error', failed)
  })
}
