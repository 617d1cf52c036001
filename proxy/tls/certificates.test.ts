import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { rm, writeFile } from 'node:fs/promises'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { test } from 'node:test'
import { connect, createServer, type SecureContext, type TLSSocket } from 'node:tls'
import { promisify } from 'node:util'
import { selfSigned } from '../../test/harness/certificate.ts'
import { eventually } from '../../test/harness/eventually.ts'
import { certificatesFor, writePair } from '../../test/harness/listening.ts'
import { onEnd, type Teardown } from '../../test/harness/teardown.ts'
import { tempFolder } from '../../test/harness/temp-folder.ts'
import { loadCertificates } from './certificates.ts'

const run = promisify(execFile)

test('a certificate is chosen by name: exact, then wildcard for one label, then the first', async (t) => {
  const { store } = await certificatesFor(
    t,
    ['first.example'],
    ['*.example.com'],
    ['shop.example.com', 'example.com', '192.0.2.7'],
  )
  const first = store.contextFor('first.example')
  const wildcard = store.contextFor('a.example.com')
  const exact = store.contextFor('shop.example.com')
  assert.equal(new Set([first, wildcard, exact]).size, 3)
  const rows: [string | undefined, SecureContext, string][] = [
    ['SHOP.example.com', exact, 'names are compared without case'],
    ['example.com', exact, 'a wildcard does not cover the bare domain'],
    ['other.example.com', wildcard, 'one label'],
    ['a.b.example.com', first, 'never two labels'],
    ['unknown.test', first, 'an unknown name'],
    ['com', first, 'a single label'],
    ['', first, 'an empty name'],
    [undefined, first, 'no name'],
  ]
  for (const [name, context, why] of rows) assert.equal(store.contextFor(name), context, why)
  const covered = ['first.example', 'x.example.com', 'example.com', '192.0.2.7', 'x.y.example.com', 'no.test']
  assert.deepEqual(covered.map(store.covers), [true, true, true, true, false, false])
  assert.deepEqual(
    store.list().map(({ file, subject, sans }) => [file, subject, sans]),
    [
      ['0.crt', 'CN=first.example', ['first.example']],
      ['1.crt', 'CN=*.example.com', ['*.example.com']],
      ['2.crt', 'CN=shop.example.com', ['shop.example.com', 'example.com', '192.0.2.7']],
    ],
  )
})

test('a pair that is at fault is named in one sentence', async (t) => {
  const folder = await tempFolder(t)
  await writePair(folder, 'good', await selfSigned(['a.test']))
  await writePair(folder, 'other', await selfSigned(['b.test']))
  await writeFile(join(folder, 'empty.crt'), '')
  await writeFile(join(folder, 'torn.crt'), '-----BEGIN CERTIFICATE-----\nMIIB')
  await run('openssl', ['pkey', '-in', 'good.key', '-aes256', '-passout', 'pass:x', '-out', 'locked.key'], {
    cwd: folder,
  })
  const rows: [string, string, RegExp][] = [
    ['absent.crt', 'good.key', /^certificate file absent\.crt does not exist \(looked in \/.*\)$/],
    ['good.crt', 'absent.key', /^key file absent\.key does not exist/],
    ['good.crt', 'other.key', /^other\.key is not the key of the certificate in good\.crt \(CN=a\.test\)$/],
    ['empty.crt', 'good.key', /^certificate file empty\.crt is not PEM/],
    ['torn.crt', 'good.key', /^torn\.crt holds no certificate that can be read/],
    ['good.key', 'good.crt', /^good\.key holds no certificate .*are `cert` and `key` swapped\?$/],
    ['good.crt', 'other.crt', /^other\.crt holds no private key .*are `cert` and `key` swapped\?$/],
    ['good.crt', 'locked.key', /^locked\.key is encrypted .*openssl pkey -in locked\.key/],
  ]
  for (const [cert, key, message] of rows)
    await assert.rejects(
      loadCertificates({ certificates: [{ cert, key }], folder, minVersion: 'TLSv1.2', selfSignedFor: [] }),
      (error: Error) => message.test(error.message) || assert.fail(error.message),
    )
})

test('an expired certificate is served, with a warning', async (t) => {
  const folder = await tempFolder(t)
  const notAfter = new Date('2020-02-03T00:00:00Z')
  await writePair(
    folder,
    'old',
    await selfSigned(['a.test'], { notBefore: new Date('2020-01-01'), notAfter }),
  )
  const store = await loadCertificates({
    certificates: [{ cert: 'old.crt', key: 'old.key' }],
    folder,
    minVersion: 'TLSv1.2',
    selfSignedFor: [],
  })
  assert.deepEqual(store.warnings(), [
    'the certificate in old.crt expired on 2020-02-03; clients will refuse it',
  ])
  assert.deepEqual(store.list()[0]?.notAfter, notAfter)
})

test('a changed pair is served, a half-changed one is reported and the old one stays', async (t) => {
  const { store, folder } = await certificatesFor(t, ['a.test'])
  const [before] = store.list()
  const told: string[] = []
  await store.watch(
    () => told.push('changed'),
    (error) => told.push(error.message),
  )
  const next = await selfSigned(['a.test', 'b.test'])
  await writeFile(join(folder, '0.crt'), next.cert)
  await eventually(() => told.length > 0)
  assert.match(told[0] as string, /^0\.key is not the key of the certificate in 0\.crt/)
  assert.deepEqual(store.list(), [before])
  assert.equal(store.covers('b.test'), false)

  await writeFile(join(folder, '0.key'), next.key)
  await eventually(() => told.includes('changed'))
  assert.equal(store.covers('b.test'), true)

  await rm(join(folder, '0.key'))
  await eventually(() => told.some((message) => message.startsWith('key file 0.key does not exist')))
  assert.equal(store.covers('b.test'), true)
})

test('an RSA and an ECDSA certificate of one name are served side by side', async (t) => {
  const folder = await tempFolder(t)
  await writePair(folder, 'ec', await selfSigned(['localhost']))
  await run(
    'openssl',
    'req -x509 -newkey rsa:2048 -nodes -subj /CN=localhost -addext subjectAltName=DNS:localhost -keyout rsa.key -out rsa.crt -days 1'.split(
      ' ',
    ),
    { cwd: folder },
  )
  const store = await loadCertificates({
    certificates: ['ec', 'rsa'].map((name) => ({ cert: `${name}.crt`, key: `${name}.key` })),
    folder,
    minVersion: 'TLSv1.2',
    selfSignedFor: [],
  })
  const port = await serveWith(t, store.optionsFor(undefined))
  const suite = async (ciphers: string): Promise<string> => {
    const socket = await shake(port, { maxVersion: 'TLSv1.2', ciphers })
    const { name } = socket.getCipher()
    socket.destroy()
    return name
  }
  assert.equal(await suite('ECDHE-RSA-AES128-GCM-SHA256'), 'ECDHE-RSA-AES128-GCM-SHA256')
  assert.equal(await suite('ECDHE-ECDSA-AES128-GCM-SHA256'), 'ECDHE-ECDSA-AES128-GCM-SHA256')
})

test('only sound versions and suites are spoken, in our order unless ChaCha20 is asked for first', async (t) => {
  const { store } = await certificatesFor(t, ['localhost'])
  const port = await serveWith(t, store.optionsFor(undefined))
  const refused: [string, object][] = [
    ['TLS 1.1', { maxVersion: 'TLSv1.1', minVersion: 'TLSv1', ciphers: 'DEFAULT@SECLEVEL=0' }],
    ['CBC', { maxVersion: 'TLSv1.2', ciphers: 'ECDHE-ECDSA-AES128-SHA256' }],
    ['CCM of eight bytes', { maxVersion: 'TLSv1.2', ciphers: 'ECDHE-ECDSA-AES128-CCM8' }],
    ['no forward secrecy', { maxVersion: 'TLSv1.2', ciphers: 'AES128-GCM-SHA256' }],
  ]
  for (const [name, options] of refused) await assert.rejects(shake(port, options), name)
  const chosen: [offered: string, chosen: string, maxVersion: 'TLSv1.2' | 'TLSv1.3'][] = [
    ['TLS_AES_256_GCM_SHA384:TLS_AES_128_GCM_SHA256', 'TLS_AES_128_GCM_SHA256', 'TLSv1.3'],
    ['TLS_CHACHA20_POLY1305_SHA256:TLS_AES_128_GCM_SHA256', 'TLS_CHACHA20_POLY1305_SHA256', 'TLSv1.3'],
    [
      'ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-ECDSA-AES128-GCM-SHA256',
      'ECDHE-ECDSA-AES128-GCM-SHA256',
      'TLSv1.2',
    ],
    [
      'ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-ECDSA-AES128-GCM-SHA256',
      'ECDHE-ECDSA-CHACHA20-POLY1305',
      'TLSv1.2',
    ],
  ]
  for (const [ciphers, name, maxVersion] of chosen) {
    const socket = await shake(port, { ciphers, maxVersion })
    assert.equal(socket.getCipher().name, name)
    socket.destroy()
  }
})

async function serveWith(t: Teardown, options: object): Promise<number> {
  const server = createServer(options, (socket) => socket.on('error', () => {})).listen(0, '127.0.0.1')
  onEnd(t, () => void server.close())
  await once(server, 'listening')
  return (server.address() as AddressInfo).port
}

async function shake(port: number, options: object): Promise<TLSSocket> {
  const socket = connect({ port, host: '127.0.0.1', rejectUnauthorized: false, ...options })
  await once(socket, 'secureConnect')
  return socket
}

// What certbot got had no subject, as authorities make them today: the reload that named it broke, and nobody was told.
test('a certificate without a subject is served by its names', async (t) => {
  const folder = await tempFolder(t)
  const args = [
    'req',
    '-x509',
    '-newkey',
    'ec',
    '-pkeyopt',
    'ec_paramgen_curve:P-256',
    '-nodes',
    '-subj',
    '/',
  ]
  await run('openssl', [
    ...args,
    ...['-keyout', join(folder, 'key.pem'), '-out', join(folder, 'cert.pem')],
    ...['-addext', 'subjectAltName=critical,DNS:nameless.example'],
  ])
  const store = await loadCertificates({
    certificates: [{ cert: 'cert.pem', key: 'key.pem' }],
    folder,
    minVersion: 'TLSv1.2',
    selfSignedFor: [],
  })
  assert.ok(store.covers('nameless.example'))
  assert.deepEqual(store.list()[0]?.sans, ['nameless.example'])
  assert.equal(store.list()[0]?.subject, '')
})
