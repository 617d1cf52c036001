import assert from 'node:assert/strict'
import { once } from 'node:events'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import { test } from 'node:test'
import { type ConnectionOptions, connect } from 'node:tls'
import { onEnd, type Teardown } from '../../../test/harness/teardown.ts'
import { parseClientHello } from './client-hello.ts'

const asked: readonly (readonly [string, ConnectionOptions, readonly string[]])[] = [
  ['nothing', {}, []],
  ['what browsers offer', { ALPNProtocols: ['h2', 'http/1.1'] }, ['h2', 'http/1.1']],
  ['what authorities offer', { ALPNProtocols: ['acme-tls/1'], servername: 'app.test' }, ['acme-tls/1']],
  ['TLS 1.2 alone', { ALPNProtocols: ['h2'], maxVersion: 'TLSv1.2' }, ['h2']],
]

test('the protocols of a hello are read, however it is cut', async (t) => {
  for (const [what, options, protocols] of asked) {
    const hello = await helloOf(t, options)
    assert.deepEqual(parseClientHello(hello), { state: 'complete', protocols }, what)
    for (let length = 0; length < hello.length; length++)
      assert.equal(parseClientHello(hello.subarray(0, length)).state, 'incomplete', `${what}: ${length}`)
    assert.deepEqual(parseClientHello(inRecordsOf(7, hello)), { state: 'complete', protocols }, what)
    assert.deepEqual(parseClientHello(Buffer.concat([hello, hello])), { state: 'complete', protocols }, what)
  }
})

test('whatever is no hello is left to whoever ends TLS, and no more than its longest is waited for', async (t) => {
  for (const text of ['GET / HTTP/1.1\r\n\r\n', '\x16\x02\x00\x00\x05hello', '\x15\x03\x01\x00\x02\x02\x28'])
    assert.equal(parseClientHello(Buffer.from(text, 'latin1')).state, 'unreadable')
  assert.equal(parseClientHello(Buffer.from('160303000000', 'hex')).state, 'unreadable')
  assert.equal(parseClientHello(Buffer.from('1603030005' + '01ffffff00', 'hex')).state, 'unreadable')
  const hello = await helloOf(t, { ALPNProtocols: ['acme-tls/1'], servername: 'app.test' })
  // Every byte bent in every bit: nothing throws, and nothing is read beyond the end.
  for (let at = 0; at < hello.length; at++)
    for (let bit = 0; bit < 8; bit++) {
      const bent = Buffer.from(hello)
      bent[at] = (bent[at] ?? 0) ^ (1 << bit)
      assert.match(parseClientHello(bent).state, /^(complete|incomplete|unreadable)$/)
    }
})

// The attack: 16 kB of hello in records of one byte each, which were put together anew with each of them.
test('a hello in thousands of records costs no time', () => {
  const hello = Buffer.alloc(16_000)
  hello.set([1, 0, 0x3e, 0x7c])
  const began = performance.now()
  assert.equal(parseClientHello(inRecordsOf(1, Buffer.concat([Buffer.alloc(5), hello]))).state, 'unreadable')
  assert.ok(performance.now() - began < 1_000)
})

/** The first bytes of Node's own client. */
async function helloOf(t: Teardown, options: ConnectionOptions): Promise<Buffer> {
  const server = createServer()
  onEnd(t, () => void server.close())
  await once(server.listen(0, '127.0.0.1'), 'listening')
  const { port } = server.address() as AddressInfo
  const client = connect({ port, host: '127.0.0.1', ...options }).on('error', () => {})
  const [socket] = (await once(server, 'connection')) as [Socket]
  let bytes = Buffer.alloc(0)
  for await (const chunk of socket) {
    bytes = Buffer.concat([bytes, chunk as Buffer])
    if (bytes.length >= 5 && bytes.length >= 5 + bytes.readUInt16BE(3)) break
  }
  client.destroy()
  return bytes
}

/** The same message in records of a few bytes each (RFC 8446 §5.1). */
function inRecordsOf(size: number, hello: Buffer): Buffer {
  const message = hello.subarray(5)
  const records: Buffer[] = []
  for (let at = 0; at < message.length; at += size) {
    const fragment = message.subarray(at, at + size)
    records.push(Buffer.from([22, 3, 1, 0, fragment.length]), fragment)
  }
  return Buffer.concat(records)
}
