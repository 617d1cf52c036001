import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { X509Certificate } from 'node:crypto'
import { once } from 'node:events'
import { readdir, readFile, stat, writeFile } from 'node:fs/promises'
import { createServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { test } from 'node:test'
import { promisify } from 'node:util'
import { selfSigned } from '../../test/harness/certificate.ts'
import { onEnd } from '../../test/harness/teardown.ts'
import { tempFolder } from '../../test/harness/temp-folder.ts'
import { ensureSelfSigned } from './self-signed.ts'

const run = promisify(execFile)

test('the first start makes a pair for the hosts and this machine, its key for nobody else', async (t) => {
  const folder = join(await tempFolder(t), 'certs')
  const paths = await ensureSelfSigned(folder, ['Example.test', '*.example.test', 'photos.localhost'])
  assert.deepEqual((await readdir(folder)).sort(), ['self-signed.crt', 'self-signed.key'])
  assert.equal((await stat(paths.key)).mode & 0o777, 0o600)
  const made = new X509Certificate(await readFile(paths.cert))
  for (const host of ['example.test', 'a.example.test', 'localhost', 'photos.localhost'])
    assert.ok(made.checkHost(host), host)
  for (const ip of ['127.0.0.1', '::1']) assert.ok(made.checkIP(ip), ip)
  const days = (made.validToDate.getTime() - made.validFromDate.getTime()) / 86_400_000
  assert.equal(Math.round(days), 397)
})

test('curl trusts it as its own authority', async (t) => {
  const folder = await tempFolder(t)
  const paths = await ensureSelfSigned(folder, ['photos.localhost'])
  const options = { cert: await readFile(paths.cert), key: await readFile(paths.key) }
  const server = createServer(options, (_request, response) => response.end('trusted'))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  onEnd(t, () => void server.close())
  const { port } = server.address() as AddressInfo
  const curl = (...args: string[]) => run('curl', ['-sS', '--noproxy', '*', ...args])
  assert.equal((await curl('--cacert', paths.cert, `https://127.0.0.1:${port}/`)).stdout, 'trusted')
  const named = ['--connect-to', `photos.localhost:443:127.0.0.1:${port}`, 'https://photos.localhost/']
  assert.equal((await curl('--cacert', paths.cert, ...named)).stdout, 'trusted')
  await assert.rejects(curl(`https://127.0.0.1:${port}/`), /self-signed certificate/)
  const strict = ['verify', '-x509_strict', '-purpose', 'sslserver', '-CAfile', paths.cert, paths.cert]
  assert.match((await run('openssl', strict)).stdout, /: OK/)
})

test('a pair that still serves is kept, and any other is replaced', async (t) => {
  const folder = await tempFolder(t)
  const cert = join(folder, 'self-signed.crt')
  const make = async (host: string): Promise<string> => {
    await ensureSelfSigned(folder, [host])
    return readFile(cert, 'utf8')
  }
  const first = await make('a.test')
  assert.equal(await make('a.test'), first)

  const second = await make('b.test')
  assert.notEqual(second, first, 'it did not name b.test')

  const names = ['b.test', 'localhost', '*.localhost', '127.0.0.1', '::1']
  const ending = await selfSigned(names, { notAfter: new Date(Date.now() + 6 * 86_400_000) })
  await writeFile(cert, ending.cert)
  await writeFile(join(folder, 'self-signed.key'), ending.key)
  const third = await make('b.test')
  assert.notEqual(third, ending.cert, 'it ends within a week')

  await writeFile(join(folder, 'self-signed.key'), 'torn')
  assert.notEqual(await make('b.test'), third, 'its key is torn')
})
