import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { type ClientAddress, inNetworks, parseAddress, parseNetwork } from '../../address.ts'
import { indexNetworks } from './network-index.ts'

const address = (text: string) => parseAddress(text) as ClientAddress

const rows: [networks: string[], client: string, found: string | undefined][] = [
  [['10.0.0.0/8'], '10.255.255.255', '10.0.0.0/8'],
  [['10.0.0.0/8'], '11.0.0.0', undefined],
  [['10.0.0.0/8'], '9.255.255.255', undefined],
  [['192.168.1.77/24'], '192.168.1.3', '192.168.1.77/24'],
  [['172.16.0.0/12'], '172.31.9.9', '172.16.0.0/12'],
  [['172.16.0.0/12'], '172.32.0.0', undefined],
  [['203.0.113.9'], '203.0.113.9', '203.0.113.9'],
  [['203.0.113.9'], '203.0.113.8', undefined],
  [['10.0.0.0/8', '10.1.0.0/16', '10.1.2.3'], '10.200.0.1', '10.0.0.0/8'],
  [['10.1.2.3', '10.0.0.0/30', '10.9.0.0/16'], '10.1.2.3', '10.1.2.3'],
  [['0.0.0.0/0'], '255.255.255.255', '0.0.0.0/0'],
  [['0.0.0.0/0'], '2001:db8::1', undefined],
  [['::/0'], '10.0.0.1', undefined],
  [['2001:db8::/32'], '2001:db8:ffff::1', '2001:db8::/32'],
  [['2001:db8::/32'], '2001:db9::', undefined],
  [['2001:db8:0:f0::/60'], '2001:db8:0:ff::9', '2001:db8:0:f0::/60'],
  [['2001:db8:0:f0::/60'], '2001:db8:0:100::', undefined],
  [['10.0.0.0/8'], '::ffff:10.0.0.5', '10.0.0.0/8'],
  [['::ffff:10.0.0.0/104'], '10.0.0.5', '::ffff:10.0.0.0/104'],
  [[], '10.0.0.1', undefined],
]
for (const [networks, client, found] of rows) {
  test(`${client} in [${networks}] is ${found ?? 'nowhere'}`, () => {
    assert.equal(indexNetworks(networks)(address(client)), found)
  })
}

test('a network that is none is refused with a sentence', () => {
  assert.throws(() => indexNetworks(['10.0.0/8']), { message: '"10.0.0/8" is not an address or CIDR' })
})

test('it finds whatever a scan of the whole list finds', () => {
  const byte = fc.integer({ min: 0, max: 3 })
  const ip = fc.tuple(byte, byte, byte, byte).map((bytes) => bytes.join('.'))
  const cidr = fc.tuple(ip, fc.integer({ min: 5, max: 32 })).map(([text, bits]) => `${text}/${bits}`)
  fc.assert(
    fc.property(fc.array(cidr, { maxLength: 12 }), ip, (networks, client) => {
      const scanned = inNetworks(address(client), networks.map(parseNetwork))
      assert.equal(indexNetworks(networks)(address(client)) !== undefined, scanned)
    }),
  )
})
