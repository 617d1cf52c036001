import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { mkdir, writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import { join } from 'node:path'
import { test } from 'node:test'
import { connect, type PeerCertificate } from 'node:tls'
import { runCli } from '../harness/cli.ts'
import { eventually } from '../harness/eventually.ts'
import { needs } from '../harness/parts.ts'
import { type RunningRedis, startRedis } from '../harness/redis.ts'
import { request } from '../harness/request.ts'
import { onEnd, type Teardown } from '../harness/teardown.ts'
import { tempFolder } from '../harness/temp-folder.ts'
import { startUpstream } from '../harness/upstream.ts'
import { type Serving, startServing } from '../system/command.ts'
import { addressOfTest, startAuthority, type TestAuthority } from './authority.ts'

/** Three proxies with a real Redis and a real authority, behind one address. */
const parts = needs('caddy', 'netns', 'redis')
const patient = { timeout: 60_000, every: 200 }
const hosts = ['app.test', 'shop.test']

test('one proxy of three orders, any of them shows the proof, and all serve what came of it', {
  ...parts,
  timeout: 180_000,
}, async (t) => {
  const address = addressOfTest()
  const proxies: Serving[] = []
  const proofs = await startBalancer(t, address, proxies)
  const authority = await startAuthority(t, Object.fromEntries(hosts.map((host) => [host, address])))
  const redis = await startRedis(t)
  const upstream = await startUpstream(t)
  const key = randomBytes(32).toString('base64url')
  const startProxy = () => startMember(t, { authority, redis, upstream: upstream.url, key })
  proxies.push(...(await Promise.all([startProxy(), startProxy(), startProxy()])))

  const serialsOf = async (host: string): Promise<string[]> =>
    Promise.all(proxies.map(async (proxy) => (await certificateOf(proxy, host)).serialNumber))
  for (const host of hosts)
    await eventually(async () => {
      const { issuer } = await certificateOf(proxies[0] as Serving, host)
      const serials = await serialsOf(host)
      return String(issuer.CN).includes('Caddy') && new Set(serials).size === 1
    }, patient)
  assert.equal(await authority.orders(), hosts.length)
  const ordered = await Promise.all(proxies.map(({ admin }) => successesOf(admin)))
  assert.equal(
    ordered.reduce((sum, each) => sum + each, 0),
    hosts.length,
  )
  // Each proof was there on all three when the authority asked, so on two that had not ordered.
  assert.ok(proofs.filter(({ texts }) => texts.length === 3).length >= hosts.length)
  for (const { token, texts } of proofs.filter(({ texts }) => texts.length > 0))
    for (const text of texts) assert.match(text, new RegExp(`^${token}\\.[A-Za-z0-9_-]{43}$`))

  // Who reads Redis learns no key, and who writes to it gives nobody a certificate.
  const hidden = await redis.cli('GET', `gatehouse:acme:certificate:${hosts[0]}`)
  assert.ok(hidden.length > 500)
  assert.doesNotMatch(Buffer.from(hidden, 'base64').toString('latin1'), /-----BEGIN|PRIVATE|test/)
  const [serial] = await serialsOf('app.test')
  const forged = JSON.stringify({
    kind: 'proof',
    from: 'evil',
    proof: { kind: 'http-01', host: 'app.test', token: 'A'.repeat(32), content: 'evil' },
  })
  await redis.cli('PUBLISH', 'gatehouse:news', `acme ${'A'.repeat(43)} ${forged}`)

  // One that joins later has it without an order.
  const late = await startProxy()
  proxies.push(late)
  await eventually(async () => new Set(await serialsOf('shop.test')).size === 1, patient)
  await eventually(async () => new Set(await serialsOf('app.test')).size === 1, patient)
  assert.equal((await certificateOf(late, 'app.test')).serialNumber, serial)
  assert.equal(await authority.orders(), hosts.length)
  for (const proxy of proxies) {
    const path = `/.well-known/acme-challenge/${'A'.repeat(32)}`
    assert.notEqual((await request(proxy.url('http') + path)).text, 'evil')
    assert.doesNotMatch(proxy.output.stderr, /PRIVATE KEY/)
    const { stdout } = await runCli(['certs', '--admin', proxy.admin, '--json'], { cwd: proxy.folder })
    const { automatic } = JSON.parse(stdout) as { automatic: { state: string }[] }
    assert.deepEqual(
      automatic.map(({ state }) => state),
      ['issued', 'issued'],
    )
  }
})

test('what an authority refuses one proxy, the others do not ask for again', {
  ...parts,
  timeout: 180_000,
}, async (t) => {
  // Nobody listens there.
  const authority = await startAuthority(t, { 'app.test': '127.250.250.250', 'shop.test': '127.250.250.250' })
  const redis = await startRedis(t)
  const upstream = await startUpstream(t)
  const key = randomBytes(32).toString('base64url')
  const proxies = await Promise.all(
    [1, 2].map(() => startMember(t, { authority, redis, upstream: upstream.url, key })),
  )
  for (const { admin } of proxies)
    await eventually(async () => {
      const { text } = await request(`${admin}/readyz`)
      return hosts.every((host) => text.includes(`the certificate of ${host} (has none) cannot be got`))
    }, patient)
  const failures = await Promise.all(proxies.map(({ admin }) => ordersOf(admin, 'failure')))
  assert.equal(
    failures.reduce((sum, each) => sum + each, 0),
    hosts.length,
  )
})

async function startMember(
  t: Teardown,
  scene: { authority: TestAuthority; redis: RunningRedis; upstream: string; key: string },
): Promise<Serving> {
  const { authority, redis, upstream, key } = scene
  const folder = await tempFolder(t)
  await mkdir(join(folder, 'certs'))
  await writeFile(join(folder, 'certs/registration.key'), key, { mode: 0o600 })
  const table = `
listeners:
  http: { port: 0, address: 127.0.0.1, redirect: https }
  https: { port: 0, address: 127.0.0.1 }
admin: { port: 0 }
workers: 1
redis: { address: "${redis.address}" }
tls:
  automatic: { email: ops@example.com, directory: "${authority.directory}", ca: ${authority.rootFile} }
routes:
  - { name: app, match: { host: [${hosts.join(', ')}] }, to: "${upstream}" }
`
  return startServing(t, table, { folder })
}

/** On port 80 of the address: asks all three for what the authority asks for, and answers what the last said. */
async function startBalancer(
  t: Teardown,
  address: string,
  proxies: readonly Serving[],
): Promise<{ token: string; texts: string[] }[]> {
  const proofs: { token: string; texts: string[] }[] = []
  const server = createServer(async ({ url = '', headers }, response) => {
    const ask = (proxy: Serving) =>
      request(proxy.url('http').replace('localhost', '127.0.0.1') + url, {
        headers: { host: headers.host ?? '' },
        timeout: 30_000,
      })
    // The first may order while the others are still on their way.
    await eventually(() => proxies.length >= 3, patient)
    const answers = await eventually(async () => {
      const all = await Promise.all(proxies.map(ask))
      return all.every(({ status }) => status === 200) && all
    }, patient).catch(() => [])
    proofs.push({ token: url.split('/').at(-1) ?? '', texts: answers.map(({ text }) => text) })
    response.writeHead(answers.at(-1)?.status ?? 502).end(answers.at(-1)?.text)
  })
  onEnd(t, () => void server.close().closeAllConnections())
  await new Promise<void>((done) => server.listen(80, address, done))
  return proofs
}

function certificateOf(proxy: Serving, servername: string): Promise<PeerCertificate> {
  const port = Number(new URL(proxy.url('https')).port)
  return new Promise((done, failed) => {
    const socket = connect({ port, host: '127.0.0.1', servername, rejectUnauthorized: false }, () => {
      done(socket.getPeerCertificate())
      socket.destroy()
    })
    socket.on('error', failed)
  })
}

async function ordersOf(admin: string, result: string): Promise<number> {
  const { text } = await request(`${admin}/metrics`)
  return Number(
    new RegExp(`^gatehouse_tls_orders_total\\{result="${result}"\\} (\\d+)`, 'm').exec(text)?.[1] ?? 0,
  )
}

const successesOf = (admin: string): Promise<number> => ordersOf(admin, 'success')
