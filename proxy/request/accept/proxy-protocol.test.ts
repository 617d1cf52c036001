import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { parseProxyHeader } from './proxy-protocol.ts'

const signature = '0d0a0d0a000d0a515549540a'

/** A version 2 header: version and command, family and transport, then what follows the length. */
function binary(command: number, family: number, rest: Buffer): Buffer {
  const head = Buffer.concat([Buffer.from(signature, 'hex'), Buffer.from([command, family, 0, 0])])
  head.writeUInt16BE(rest.length, 14)
  return Buffer.concat([head, rest])
}
const tcp4 = Buffer.from([192, 0, 2, 1, 10, 0, 0, 1, 0xdc, 0x04, 0x01, 0xbb])
const tcp6 = Buffer.concat([
  Buffer.from('20010db8000000000000000000000001', 'hex'),
  Buffer.from('20010db8000000000000000000000002', 'hex'),
  Buffer.from([0x00, 0x50, 0x01, 0xbb]),
])

test('a whole header tells the client and where its own bytes begin', () => {
  const rows: [string, Buffer | string, [string, number] | undefined][] = [
    ['TCP4', 'PROXY TCP4 192.0.2.1 10.0.0.1 56324 443\r\n', ['192.0.2.1', 56324]],
    ['TCP6', 'PROXY TCP6 2001:db8::1 2001:DB8::2 0 65535\r\n', ['2001:db8::1', 0]],
    ['TCP6, mapped', 'PROXY TCP6 ::ffff:192.0.2.1 ::1 1 2\r\n', ['192.0.2.1', 1]],
    ['UNKNOWN', 'PROXY UNKNOWN\r\n', undefined],
    ['UNKNOWN with anything', 'PROXY UNKNOWN ffff:f...f x y z\r\n', undefined],
    ['v2 TCP4', binary(0x21, 0x11, tcp4), ['192.0.2.1', 56324]],
    ['v2 TCP6', binary(0x21, 0x21, tcp6), ['2001:db8::1', 80]],
    ['v2 with TLVs', binary(0x21, 0x11, Buffer.concat([tcp4, Buffer.alloc(508 - 12)])), ['192.0.2.1', 56324]],
    ['v2 LOCAL', binary(0x20, 0x11, tcp4), undefined],
    ['v2 LOCAL, empty', binary(0x20, 0x00, Buffer.alloc(0)), undefined],
    ['v2 UNSPEC', binary(0x21, 0x00, Buffer.alloc(3)), undefined],
    ['v2 unix', binary(0x21, 0x31, Buffer.alloc(216)), undefined],
  ]
  for (const [name, header, source] of rows) {
    const bytes = Buffer.concat([Buffer.from(header), Buffer.from('GET / HTTP/1.1')])
    const read = parseProxyHeader(bytes)
    assert.equal(read.state, 'complete', name)
    assert.ok(read.state === 'complete')
    assert.equal(bytes.toString('latin1', read.length), 'GET / HTTP/1.1', name)
    assert.deepEqual(read.source && [read.source.address.text, read.source.port], source, name)
    for (let cut = 0; cut < read.length; cut++)
      assert.equal(parseProxyHeader(bytes.subarray(0, cut)).state, 'partial', `${name} cut at ${cut}`)
  }
})

test('a header that is almost right is refused with a reason', () => {
  const rows: [Buffer | string, RegExp][] = [
    ['GET / HTTP/1.1\r\n', /does not begin with/],
    ['PROXX', /does not begin with/],
    ['proxy TCP4 192.0.2.1 10.0.0.1 1 2\r\n', /does not begin with/],
    ['\r\n\r\n\0\r\nQUIX', /does not begin with/],
    ['PROXY TCP5 192.0.2.1 10.0.0.1 1 2\r\n', /not TCP4, TCP6 or UNKNOWN/],
    ['PROXY UNKNOWNS\r\n', /not TCP4, TCP6 or UNKNOWN/],
    ['PROXY TCP4 192.0.2.1 10.0.0.1 1 2 3\r\n', /four fields/],
    ['PROXY TCP4  192.0.2.1 10.0.0.1 1 2\r\n', /four fields/],
    ['PROXY TCP4 192.0.2.1 10.0.0.1 1\r\n', /a port is not/],
    ['PROXY TCP4 192.0.2.1 10.0.0.1 1 65536\r\n', /a port is not/],
    ['PROXY TCP4 192.0.2.1 10.0.0.1 01 2\r\n', /a port is not/],
    ['PROXY TCP4 192.0.2.1 10.0.0.1 -1 2\r\n', /a port is not/],
    ['PROXY TCP4 192.0.2 10.0.0.1 1 2\r\n', /an address is not TCP4/],
    ['PROXY TCP4 ::1 10.0.0.1 1 2\r\n', /an address is not TCP4/],
    ['PROXY TCP6 ::1 10.0.0.1 1 2\r\n', /an address is not TCP6/],
    ['PROXY TCP6 fe80::1%eth0 ::1 1 2\r\n', /an address is not TCP6/],
    [`PROXY TCP4 ${'1'.repeat(96)}`, /no line end within 107/],
    [binary(0x11, 0x11, tcp4), /version 1/],
    [binary(0x22, 0x11, tcp4), /command 2/],
    [binary(0x21, 0x12, tcp4), /other than TCP/],
    [binary(0x21, 0x41, tcp4), /address family 4/],
    [binary(0x21, 0x11, tcp4.subarray(1)), /too short/],
    [binary(0x21, 0x21, tcp4), /too short/],
    [binary(0x21, 0x11, Buffer.alloc(521)), /537 bytes long/],
  ]
  for (const [header, reason] of rows) {
    const read = parseProxyHeader(Buffer.from(header))
    assert.ok(read.state === 'malformed', JSON.stringify(header.toString()))
    assert.match(read.reason, reason)
  }
})

test('no bytes make it throw, read past its limit, or change its mind', () => {
  const starts = [Buffer.alloc(0), Buffer.from('PROXY TCP4 '), Buffer.from(signature, 'hex')]
  const bytes = fc
    .tuple(fc.constantFrom(...starts), fc.uint8Array({ maxLength: 700 }))
    .map((parts) => Buffer.concat(parts))
  fc.assert(
    fc.property(bytes, (all) => {
      const whole = parseProxyHeader(all)
      if (whole.state === 'partial') assert.ok(all.length < 536)
      if (whole.state === 'complete') assert.ok(whole.length <= Math.min(all.length, 536))
      if (whole.state === 'partial') return
      // What is decided from fewer bytes stays decided when more come.
      const more = parseProxyHeader(Buffer.concat([all, Buffer.from('more')]))
      assert.deepEqual(more, whole)
    }),
    { numRuns: 2000 },
  )
})

test('any two addresses and ports survive the way through a header', () => {
  const row = fc.record({ client: fc.ipV4(), clientPort: fc.nat(65535), port: fc.nat(65535) })
  fc.assert(
    fc.property(row, ({ client, clientPort, port }) => {
      const read = parseProxyHeader(Buffer.from(`PROXY TCP4 ${client} 10.0.0.1 ${clientPort} ${port}\r\n`))
      assert.ok(read.state === 'complete')
      assert.deepEqual([read.source?.address.text, read.source?.port], [client, clientPort])
    }),
  )
})
