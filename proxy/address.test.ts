import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { type ClientAddress, inNetworks, parseAddress, parseNetwork } from './address.ts'

describe('an address is read in one way', () => {
  const rows: [said: string, text: string][] = [
    ['10.0.0.5', '10.0.0.5'],
    ['::ffff:10.0.0.5', '10.0.0.5'],
    ['::FFFF:0a00:0005', '10.0.0.5'],
    ['::1', '::1'],
    ['2001:DB8:0:0::1', '2001:db8::1'],
    ['fe80::1%eth0', 'fe80::1'],
  ]
  for (const [said, text] of rows)
    test(`${said} is ${text}`, () => assert.equal(parseAddress(said)?.text, text))
})

describe('what readers take differently is no address', () => {
  for (const said of [
    '',
    '127.1',
    '0x7f000001',
    '017700000001',
    '2130706433',
    '010.0.0.5',
    '10.0.0.256',
    '10.0.0.5/8',
    ' 10.0.0.5',
    '10.0.0.5 ',
    'localhost',
    '::g',
    '1.2.3.4.5',
    '[::1]',
  ]) {
    test(JSON.stringify(said), () => assert.equal(parseAddress(said), undefined))
  }
})

describe('a network holds its addresses', () => {
  const rows: [network: string, inside: string[], outside: string[]][] = [
    ['10.0.0.5', ['10.0.0.5', '::ffff:10.0.0.5'], ['10.0.0.6', '::1']],
    ['192.168.1.0/24', ['192.168.1.0', '192.168.1.255'], ['192.168.2.0', '192.168.0.255']],
    ['192.168.1.77/24', ['192.168.1.1'], ['192.168.2.1']],
    ['0.0.0.0/0', ['1.2.3.4'], ['::1']],
    ['::/0', ['::1', '2001:db8::1'], ['1.2.3.4']],
    ['2001:db8::/32', ['2001:db8::1', '2001:db8:ffff::1'], ['2001:db9::1']],
    ['::ffff:10.0.0.0/104', ['10.1.2.3'], ['11.0.0.0']],
  ]
  for (const [network, inside, outside] of rows) {
    test(network, () => {
      const networks = [parseNetwork(network)]
      for (const address of inside)
        assert.ok(inNetworks(parseAddress(address) as ClientAddress, networks), address)
      for (const address of outside)
        assert.ok(!inNetworks(parseAddress(address) as ClientAddress, networks), address)
    })
  }
})

describe('what is no network is refused with a sentence', () => {
  for (const said of [
    '',
    '/',
    '10.0.0/8',
    '10.0.0.0/33',
    '10.0.0.0/-1',
    '10.0.0.0/8/8',
    '10.0.0.0/',
    '10.0.0.0/0x8',
    '::1/129',
    '::ffff:10.0.0.0/8',
    'example.com',
    '127.1/8',
    'fe80::1%eth0/64',
  ]) {
    test(JSON.stringify(said), () =>
      assert.throws(() => parseNetwork(said), /is not an address or CIDR|prefix length/),
    )
  }
})

test('an IPv4 address lies in a network exactly when its leading bits are those of the network', () => {
  const octets = fc.tuple(fc.nat(255), fc.nat(255), fc.nat(255), fc.nat(255))
  const toNumber = (parts: number[]) => parts.reduce((sum, part) => sum * 256 + part, 0)
  fc.assert(
    fc.property(octets, octets, fc.integer({ min: 0, max: 32 }), (address, network, bits) => {
      const shift = 2 ** (32 - bits)
      const expected = Math.floor(toNumber(address) / shift) === Math.floor(toNumber(network) / shift)
      const given = parseAddress(address.join('.')) as ClientAddress
      assert.equal(inNetworks(given, [parseNetwork(`${network.join('.')}/${bits}`)]), expected)
    }),
  )
})
