import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { duration, network, size } from './units.ts'

for (const [text, milliseconds] of [
  ['250ms', 250],
  ['90s', 90_000],
  ['1.5h', 5_400_000],
  ['10 m', 600_000],
  ['7d', 604_800_000],
  ['0s', 0],
] as const) {
  test(`the duration ${text} is ${milliseconds} milliseconds`, () =>
    assert.equal(duration.parse(text), milliseconds))
}

for (const [text, bytes] of [
  ['0B', 0],
  ['512KB', 524_288],
  ['1.5mb', 1_572_864],
  ['1 GB', 1_073_741_824],
] as const) {
  test(`the size ${text} is ${bytes} bytes`, () => assert.equal(size.parse(text), bytes))
}

for (const text of [
  '',
  '10',
  's',
  '-1s',
  '1w',
  '1h30m',
  '1,5h',
  '1e3s',
  ' 1s',
  '1s ',
  '٣s',
  '9'.repeat(400),
]) {
  test(`"${text.slice(0, 20)}" is no duration`, () => assert.ok(!duration.safeParse(text).success))
}

for (const text of ['', '10', 'KB', '-1B', '1TB', '1 KiB', '1k', '0x10B']) {
  test(`"${text}" is no size`, () => assert.ok(!size.safeParse(text).success))
}

for (const [text, message] of [
  ['10.0.0/8', 'is not an address or CIDR; did you mean "10.0.0.0/8"?'],
  ['192.168', 'is not an address or CIDR; did you mean "192.168.0.0/16"?'],
  ['10.*', 'is not an address or CIDR; did you mean "10.0.0.0/8"?'],
  ['10.0.0.0/33', 'has a prefix length outside 0 to 32'],
  ['10.0.0.256', 'is not an address or CIDR'],
  ['localhost', 'is not an address or CIDR'],
  ['::1/129', 'has a prefix length outside 0 to 128'],
  ['fe80::1%eth0', 'is not an address or CIDR'],
  ['0x7f.1', 'is not an address or CIDR'],
  ['', 'is not an address or CIDR'],
] as const) {
  test(`the network "${text}" ${message}`, () => {
    const result = network.safeParse(text)
    assert.deepEqual(
      result.error?.issues.map((issue) => issue.message),
      [message],
    )
  })
}

test('every IPv4 and IPv6 network passes, and stays as it was written', () => {
  const v4 = fc.tuple(fc.ipV4(), fc.integer({ min: 0, max: 32 }))
  const v6 = fc.tuple(fc.ipV6(), fc.integer({ min: 0, max: 128 }))
  fc.assert(
    fc.property(fc.oneof(v4, v6), ([address, bits]) => {
      // Mapped addresses count from bit 96.
      fc.pre(!/^(0*:)*:?(0*:)*f{4}:/i.test(address) && !/:.*\./.test(address))
      assert.equal(network.parse(`${address}/${bits}`), `${address}/${bits}`)
    }),
  )
})

test('a suggestion is itself a network', () => {
  fc.assert(
    fc.property(fc.stringMatching(/^\d{1,3}(\.\d{1,3}){0,2}(\/\d{1,2})?$/), (text) => {
      const meant = /did you mean "(.*)"/.exec(network.safeParse(text).error?.issues[0]?.message ?? '')?.[1]
      fc.pre(meant !== undefined)
      assert.ok(network.safeParse(meant).success, `${text} → ${meant}`)
    }),
  )
})

test('any text is judged without throwing', () => {
  fc.assert(
    fc.property(fc.string(), (text) => {
      for (const unit of [duration, size, network]) {
        const result = unit.safeParse(text)
        if (result.success && typeof result.data === 'number') assert.ok(Number.isSafeInteger(result.data))
      }
    }),
  )
})
