import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect as connectTcp } from 'node:net'
import { test } from 'node:test'
import { connect } from 'node:tls'
import { eventually } from '../harness/eventually.ts'
import { needs } from '../harness/parts.ts'
import { request } from '../harness/request.ts'
import { startUpstream } from '../harness/upstream.ts'
import { startServing } from '../system/command.ts'
import { addressOfTest, startAuthority } from './authority.ts'

/** Where port 80 is closed: the authority looks at port 443 alone (RFC 8737). */
const parts = needs('caddy', 'netns')

test('a certificate is got over port 443 alone, and nobody else notices the proof', {
  ...parts,
  timeout: 180_000,
}, async (t) => {
  const address = addressOfTest()
  const authority = await startAuthority(t, { 'app.test': address })
  const upstream = await startUpstream(t)
  let handshakes = 0
  let garbage = 0
  const failures: string[] = []
  const subjects = new Set<string>()
  let busy = true
  const gatehouse = await startServing(
    t,
    `
listeners:
  https: { port: 443, address: ${address} }
admin: { port: 0 }
workers: 2
tls:
  automatic:
    email: ops@example.com
    challenge: tls-alpn-01
    directory: "${authority.directory}"
    ca: ${authority.rootFile}
routes:
  - { name: app, match: { host: app.test }, to: "${upstream.url}" }
`,
  )
  const load = Array.from({ length: 3 }, async (_, at) => {
    while (busy) {
      // The last offers the protocol of authorities beside its own, as no authority does.
      const ALPNProtocols = at === 2 ? ['http/1.1', 'acme-tls/1'] : ['h2', 'http/1.1']
      await handshake(address, ALPNProtocols)
        .then((subject) => subjects.add(subject))
        .catch((error: Error) => failures.push(error.message))
      handshakes++
    }
  })
  const noise = (async () => {
    const hello = Buffer.from('160301020001', 'hex')
    for (; busy; garbage++) {
      const socket = connectTcp(443, address).on('error', () => {})
      await once(socket, 'connect').catch(() => {})
      socket.write(garbage % 2 ? hello : Buffer.concat([hello, Buffer.alloc(600, garbage)]))
      setTimeout(() => socket.destroy(), 100)
      await new Promise((resolve) => setTimeout(resolve, 10))
    }
  })()
  const ask = () =>
    request(`https://${address}`, {
      headers: { host: 'app.test' },
      servername: 'app.test',
      ca: authority.root,
    })
  await eventually(async () => (await ask()).status === 200, { timeout: 90_000, every: 100 })
  // A quick order leaves little time for either.
  await eventually(() => handshakes > 20 && garbage > 20, { timeout: 60_000 })
  busy = false
  await Promise.all([...load, noise])
  assert.deepEqual(failures, [])
  assert.equal(await authority.orders(), 1)
  t.diagnostic(`${handshakes} handshakes, ${garbage} times garbage, none failed`)

  // The proof has gone: there is nothing for who offers its protocol alone.
  await assert.rejects(handshake(address, ['acme-tls/1']))
  assert.doesNotMatch(gatehouse.output.stderr, /worker has ended/)
})

/** Answers who issued the certificate, and rejects one that is made for authorities: it is critical, and no host's. */
function handshake(host: string, ALPNProtocols: string[]): Promise<string> {
  return new Promise((done, failed) => {
    const socket = connect(
      { port: 443, host, servername: 'app.test', rejectUnauthorized: false, ALPNProtocols },
      () => {
        const { issuer, valid_to, valid_from } = socket.getPeerCertificate()
        const { alpnProtocol } = socket
        socket.destroy()
        if (alpnProtocol === 'acme-tls/1' || valid_to === valid_from) failed(new Error('the proof was shown'))
        else done(String(issuer.CN))
      },
    )
    socket.on('error', failed)
  })
}
