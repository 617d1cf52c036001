import assert from 'node:assert/strict'
import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, readdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { promisify } from 'node:util'
import { eventually } from '../harness/eventually.ts'
import { needs, pathOf } from '../harness/parts.ts'
import { request } from '../harness/request.ts'
import { onEnd, type Teardown } from '../harness/teardown.ts'
import { tempFolder } from '../harness/temp-folder.ts'
import { startUpstream } from '../harness/upstream.ts'
import { startServing } from '../system/command.ts'
import { addressOfTest, startAuthority } from './authority.ts'

/** What others bring to certificates: certbot with a folder of its own, and a name server that takes updates. */

const run = promisify(execFile)
const patient = { timeout: 90_000, every: 200 }

// The folder of certbot stood in the place of ours, so proofs of `tls.automatic` were not found while it was named.
test('certbot --webroot and tls.automatic prove on one listener', {
  ...needs('caddy', 'certbot', 'netns'),
  timeout: 180_000,
}, async (t) => {
  const address = addressOfTest()
  const upstream = await startUpstream(t)
  const authority = await startAuthority(t, { 'app.test': address, 'other.test': address })
  const folder = await tempFolder(t)
  await mkdir(join(folder, 'certbot'))
  const tableWith = (certificates: string): string => `
listeners:
  http: { port: 80, address: ${address}, redirect: https, acmeWebroot: certbot }
  https: { port: 0, address: 127.0.0.1 }
admin: { port: 0 }
workers: 2
tls:
  certificates: ${certificates}
  automatic: { email: ops@example.com, directory: "${authority.directory}", ca: ${authority.rootFile}, hosts: [app.test] }
routes:
  - { name: app, match: { host: [app.test, other.test] }, to: "${upstream.url}" }
`
  const gatehouse = await startServing(t, tableWith('[]'), { folder })
  const ask = (host: string) =>
    request(gatehouse.url('https').replace('localhost', '127.0.0.1'), {
      headers: { host },
      servername: host,
      ca: authority.root,
    })
  const own = join(folder, 'letsencrypt')
  await run(
    pathOf('certbot'),
    [
      ['certonly', '--webroot', '-w', join(folder, 'certbot'), '-d', 'other.test'],
      ['--server', authority.directory, '--non-interactive', '--agree-tos', '-m', 'ops@example.com'],
      ['--config-dir', own, '--work-dir', `${own}/work`, '--logs-dir', `${own}/logs`],
    ].flat(),
    { env: { ...process.env, REQUESTS_CA_BUNDLE: authority.rootFile }, timeout: 120_000 },
  )
  await gatehouse.edit(
    tableWith(`[{ cert: ${own}/live/other.test/fullchain.pem, key: ${own}/live/other.test/privkey.pem }]`),
  )
  for (const host of ['other.test', 'app.test'])
    await eventually(async () => (await ask(host)).status === 200, patient)
  assert.equal(await authority.orders(), 2)
})

test('a wildcard is proved by a name server, with the hook that is shipped', {
  ...needs('caddy', 'named', 'nsupdate', 'netns'),
  timeout: 180_000,
}, async (t) => {
  const address = addressOfTest()
  const upstream = await startUpstream(t)
  const { keyFile, records } = await startNameServer(t, address)
  const authority = await startAuthority(t, {}, { nameServer: address })
  const hook = join(import.meta.dirname, '../../deploy/acme/nsupdate')
  const gatehouse = await startServing(
    t,
    `
listeners:
  https: { port: 0, address: 127.0.0.1 }
admin: { port: 0 }
tls:
  automatic:
    email: ops@example.com
    directory: "${authority.directory}"
    ca: ${authority.rootFile}
    dns: { hook: ${hook} }
    hosts: ["*.wide.test", wide.test]
routes:
  - { name: app, match: { host: ["*.wide.test", wide.test] }, to: "${upstream.url}" }
`,
    { env: { ...process.env, ACME_DNS_SERVER: address, ACME_DNS_KEY: keyFile } },
  )
  for (const host of ['any.wide.test', 'wide.test'])
    await eventually(async () => {
      const { status } = await request(gatehouse.url('https').replace('localhost', '127.0.0.1'), {
        headers: { host },
        servername: host,
        ca: authority.root,
      })
      return status === 200
    }, patient)
  const kept = await readdir(join(gatehouse.folder, 'data/acme/certificates'))
  assert.equal(kept.length, 2, kept.join())
  await eventually(async () => (await records()) === '')
  assert.doesNotMatch(gatehouse.output.stderr, /hook/)
})

/** BIND with the zone wide.test, which takes updates from whoever has the key. */
async function startNameServer(t: Teardown, address: string) {
  const folder = await tempFolder(t)
  const { stdout: key } = await run('/usr/sbin/tsig-keygen', ['gatehouse'])
  const keyFile = join(folder, 'update.key')
  await writeFile(keyFile, key, { mode: 0o600 })
  await writeFile(
    join(folder, 'wide.test'),
    `$TTL 60\n@ IN SOA ns.wide.test. ops.wide.test. 1 60 60 60 60\n@ IN NS ns\nns IN A ${address}\n`,
  )
  await writeFile(
    join(folder, 'named.conf'),
    `${key}
options { directory "${folder}"; pid-file none; session-keyfile none; managed-keys-directory "${folder}";
  listen-on { ${address}; }; listen-on-v6 { none; }; recursion no; notify no; };
controls { };
zone "wide.test" { type primary; file "wide.test"; allow-update { key gatehouse; }; };
`,
  )
  // It listens on addresses that an interface has, and of the loopback range only the first is one by itself.
  await run(pathOf('ip'), ['address', 'add', `${address}/32`, 'dev', 'lo'])
  onEnd(t, () => run(pathOf('ip'), ['address', 'delete', `${address}/32`, 'dev', 'lo']).then(() => {}))
  const child = spawn(pathOf('named'), ['-g', '-c', join(folder, 'named.conf'), '-n', '1'], {
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  let said = ''
  child.stderr.on('data', (chunk) => {
    said += chunk
  })
  onEnd(t, async () => {
    if (child.exitCode !== null || child.signalCode !== null) return
    const ended = once(child, 'exit')
    child.kill('SIGKILL')
    await ended
  })
  await eventually(
    () => {
      if (child.exitCode !== null) throw new Error(`named ended: ${said}`)
      return / running$/m.test(said)
    },
    { timeout: 30_000 },
  )
  const records = async (): Promise<string> =>
    (await run('dig', ['+short', 'TXT', '_acme-challenge.wide.test', `@${address}`])).stdout
  return { keyFile, records }
}
