import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isHopByHop, namedInConnection } from './hop-by-hop.ts'

for (const [said, named] of [
  [undefined, []],
  ['', []],
  ['close', []],
  ['keep-alive', []],
  ['X-One', ['x-one']],
  ['close, X-One ,x-TWO', ['close', 'x-one', 'x-two']],
  [[], []],
  [['close'], []],
  [
    ['X-One', 'X-Two, X-Three'],
    ['x-one', 'x-two', 'x-three'],
  ],
] as const)
  test(`Connection: ${JSON.stringify(said)} names ${named.join(', ') || 'nothing'}`, () =>
    assert.deepEqual([...namedInConnection(said)], named))

test('fields of one connection are known, others pass', () => {
  assert.deepEqual(['te', 'trailer', 'upgrade', 'cookie', 'via', '__proto__'].map(isHopByHop), [
    true,
    true,
    true,
    false,
    false,
    false,
  ])
})
