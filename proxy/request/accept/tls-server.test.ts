import assert from 'node:assert/strict'
import { once } from 'node:events'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { type ConnectionOptions, connect, type TLSSocket } from 'node:tls'
import { selfSigned } from '../../../test/harness/certificate.ts'
import { eventually } from '../../../test/harness/eventually.ts'
import { certificatesFor, listening, writePair } from '../../../test/harness/listening.ts'
import { rawConnect, rawRequest } from '../../../test/harness/raw-request.ts'
import { onEnd, type Teardown } from '../../../test/harness/teardown.ts'
import { createTicketKeys } from '../../tls/ticket-keys.ts'

const get = 'GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n'

test('the name that a client asks for chooses the certificate, and no name gets the first', async (t) => {
  const { store } = await certificatesFor(t, ['first.test'], ['*.wild.test'], ['exact.wild.test'])
  const open = await listening(t, { listeners: { https: {} }, certificates: store })
  const rows: [string | undefined, string][] = [
    ['first.test', 'first.test'],
    ['a.wild.test', '*.wild.test'],
    ['exact.wild.test', 'exact.wild.test'],
    ['a.b.wild.test', 'first.test'],
    ['stranger.test', 'first.test'],
    [undefined, 'first.test'],
  ]
  for (const [servername, expected] of rows) {
    const socket = await shake(t, open.port('https'), { servername })
    assert.equal(socket.getPeerCertificate().subject.CN, expected, servername ?? 'no name')
  }
})

test('a certificate that changes on disk is served to the next client, with a name and without', async (t) => {
  const { store, folder } = await certificatesFor(t, ['localhost'])
  const open = await listening(t, { listeners: { https: {} }, certificates: store, folder })
  let changes = 0
  await store.watch(
    () => void open.setCertificates(store).then(() => changes++),
    () => {},
  )
  const old = await shake(t, open.port('https'), { servername: 'localhost' })
  const serial = async (servername: string | undefined) =>
    (await shake(t, open.port('https'), { servername })).getPeerCertificate().serialNumber
  const before = await serial('localhost')
  await writePair(folder, '0', await selfSigned(['localhost']))
  await eventually(() => changes > 0)
  const after = await serial('localhost')
  assert.notEqual(after, before)
  assert.equal(await serial(undefined), after)
  old.write(get)
  assert.match(String((await once(old, 'data'))[0]), /^HTTP\/1\.1 200/, 'who was connected stays so')
})

test('a session resumes on another worker with the same keys, and nowhere else', async (t) => {
  const { store } = await certificatesFor(t, ['first.test'], ['localhost'])
  const ticketKeys = createTicketKeys()
  const worker = (keys: Buffer) =>
    listening(t, { listeners: { https: {} }, certificates: store, ticketKeys: keys })
  const [a, b, stranger] = await Promise.all([
    worker(ticketKeys),
    worker(ticketKeys),
    worker(createTicketKeys()),
  ])
  for (const maxVersion of ['TLSv1.2', 'TLSv1.3'] as const) {
    const options = { servername: 'localhost', maxVersion }
    const session = await sessionFrom(t, a.port('https'), options)
    const resumed = async (port: number) => (await shake(t, port, { ...options, session })).isSessionReused()
    assert.equal(await resumed(b.port('https')), true, maxVersion)
    assert.equal(await resumed(stranger.port('https')), false, maxVersion)
  }

  const options = { servername: 'localhost' }
  const shared = await sessionFrom(t, a.port('https'), options)
  assert.equal(await ask(t, b.port('https'), { ...options, session: shared }), true)
  assert.equal(b.arrived.at(-1)?.tls?.resumed, true)
  const session = await sessionFrom(t, a.port('https'), options)
  a.setTicketKeys(createTicketKeys())
  assert.equal((await shake(t, a.port('https'), { ...options, session })).isSessionReused(), false)
  const next = await sessionFrom(t, a.port('https'), options)
  await a.setCertificates(store)
  assert.equal((await shake(t, a.port('https'), { ...options, session: next })).isSessionReused(), true)
})

test('a listener with client certificates lets in whom its authority has signed', async (t) => {
  const { store, folder } = await certificatesFor(t, ['localhost'])
  const ca = await selfSigned(['Devices CA'], { authority: true })
  await writeFile(join(folder, 'ca.crt'), ca.cert)
  const known = await selfSigned(['camera-7'], { ca })
  const stranger = await selfSigned(['camera-7'])
  const open = await listening(t, {
    listeners: {
      strict: { tls: true, clientCertificates: { ca: 'ca.crt' } },
      lenient: { tls: true, clientCertificates: { ca: 'ca.crt', require: false } },
      open: { tls: true },
    },
    certificates: store,
    ticketKeys: createTicketKeys(),
    folder,
  })
  const rows: [string, object, string | undefined][] = [
    ['strict', known, 'CN=camera-7'],
    ['strict', stranger, 'refused'],
    ['strict', {}, 'refused'],
    ['lenient', known, 'CN=camera-7'],
    ['lenient', stranger, undefined],
    ['lenient', {}, undefined],
    ['open', known, undefined],
  ]
  for (const servername of ['localhost', undefined])
    for (const [listener, options, subject] of rows) {
      const before = open.arrived.length
      const answered = await ask(t, open.port(listener), { servername, ...options })
      const name = `${listener} ${Object.keys(options)} ${servername}`
      assert.equal(answered, subject !== 'refused', name)
      if (subject === 'refused') assert.equal(open.arrived.length, before, name)
      else assert.equal(open.arrived.at(-1)?.tls?.clientCertificate?.subject, subject, name)
    }
  assert.match(open.arrived[0]?.tls?.clientCertificate?.fingerprint ?? '', /^([0-9A-F]{2}:){31}[0-9A-F]{2}$/)

  // A ticket of the listener that asks for nothing must not open the one that does.
  const session = await sessionFrom(t, open.port('open'), { servername: 'localhost' })
  const before = open.arrived.length
  assert.equal(await ask(t, open.port('strict'), { servername: 'localhost', session }), false)
  assert.equal(open.arrived.length, before)
  // And the certificate of a resumed session is still known.
  const own = await sessionFrom(t, open.port('strict'), { servername: 'localhost', ...known })
  assert.equal(await ask(t, open.port('strict'), { servername: 'localhost', session: own }), true)
  assert.equal(open.arrived.at(-1)?.tls?.clientCertificate?.subject, 'CN=camera-7')
  assert.equal(open.arrived.at(-1)?.tls?.resumed, true)
})

test('a missing client authority is named with its listener', async (t) => {
  const { store, folder } = await certificatesFor(t, ['localhost'])
  const listeners = { https: { clientCertificates: { ca: 'nobody.crt' } } }
  await assert.rejects(listening(t, { listeners, certificates: store, folder }), {
    message: `listener https: client authority file nobody.crt does not exist (looked in ${folder})`,
  })
})

test('whatever comes instead of a handshake ends the connection and nothing else', async (t) => {
  const { store } = await certificatesFor(t, ['localhost'])
  const certificates = {
    ...store,
    contextFor(name: string | undefined, ...rest: []) {
      if (name === 'boom.test') throw new Error('boom')
      return store.contextFor(name, ...rest)
    },
  }
  const open = await listening(t, { listeners: { https: {} }, certificates })
  await rawRequest(open.port('https'), get)
  await rawRequest(open.port('https'), Buffer.alloc(3000, 0x16))
  await rawRequest(open.port('https'), Buffer.from('1603010005', 'hex'), { halfClose: true })
  const reset = await rawConnect(open.port('https'))
  reset.write(Buffer.from('16030100c8010000c40303', 'hex'))
  reset.resetAndDestroy()
  await assert.rejects(shake(t, open.port('https'), { ALPNProtocols: ['spdy/3'] }), /no application protocol/)
  await assert.rejects(shake(t, open.port('https'), { maxVersion: 'TLSv1.1', minVersion: 'TLSv1.1' }))
  assert.equal(await ask(t, open.port('https'), { servername: 'boom.test' }), true, 'SNI that throws')
  assert.equal(await ask(t, open.port('https'), { servername: 'localhost' }), true)
  await eventually(() => open.clientErrors.length >= 5)
  assert.ok(open.clientErrors.includes('https ERR_SSL_HTTP_REQUEST'), open.clientErrors.join())
  assert.equal(open.arrived.length, 2)
})

test('a handshake that takes too long is cut, even if it drips', async (t) => {
  const { store } = await certificatesFor(t, ['localhost'])
  const open = await listening(t, {
    listeners: { https: {} },
    certificates: store,
    limits: { headTimeout: 200 },
  })
  const socket = await rawConnect(open.port('https'))
  const hello = Buffer.from('16030100c8010000c40303', 'hex')
  let sent = 0
  const drip = setInterval(() => socket.write(hello.subarray(sent, ++sent)), 50)
  onEnd(t, () => clearInterval(drip))
  const began = performance.now()
  await once(socket.resume(), 'close')
  assert.ok(performance.now() - began > 150)
  assert.ok(sent < hello.length)
})

async function shake(t: Teardown, port: number, options: ConnectionOptions): Promise<TLSSocket> {
  const socket = connect({ port, host: '127.0.0.1', rejectUnauthorized: false, ...options })
  onEnd(t, () => void socket.destroy())
  await once(socket, 'secureConnect')
  socket.on('error', () => {})
  return socket
}

/** Whether a request over a fresh connection is answered. A refused certificate shows only after the handshake. */
async function ask(t: Teardown, port: number, options: ConnectionOptions): Promise<boolean> {
  const socket = await shake(t, port, options).catch(() => undefined)
  if (socket === undefined) return false
  socket.write(get)
  let text = ''
  socket.on('data', (chunk) => {
    text += chunk
  })
  await once(socket, 'close').catch(() => {})
  return text.startsWith('HTTP/1.1 200')
}

async function sessionFrom(t: Teardown, port: number, options: ConnectionOptions): Promise<Buffer> {
  const socket = connect({ port, host: '127.0.0.1', rejectUnauthorized: false, ...options })
  onEnd(t, () => void socket.destroy())
  socket.on('error', () => {})
  const sessions: Buffer[] = []
  socket.on('session', (session) => sessions.push(session))
  socket.on('secureConnect', () => socket.write(get))
  await once(socket.resume(), 'close')
  return sessions.at(-1) as Buffer
}
