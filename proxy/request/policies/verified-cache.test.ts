import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createVerifiedCache } from './verified-cache.ts'

test('an entry is kept until its time has come', (t) => {
  t.mock.timers.enable({ apis: ['Date'], now: 1000 })
  const cache = createVerifiedCache<string>(10)
  cache.set('a', 'alice', 2000)
  t.mock.timers.setTime(1999)
  assert.equal(cache.get('a'), 'alice')
  t.mock.timers.setTime(2000)
  assert.equal(cache.get('a'), undefined)
  assert.equal(cache.size, 0)
})

test('past the limit, what was asked for longest ago makes room', () => {
  const cache = createVerifiedCache<number>(3)
  for (const [index, key] of ['a', 'b', 'c'].entries()) cache.set(key, index, Number.POSITIVE_INFINITY)
  cache.get('a')
  cache.set('d', 3, Number.POSITIVE_INFINITY)
  assert.deepEqual(
    ['a', 'b', 'c', 'd'].map((key) => cache.get(key)),
    [0, undefined, 2, 3],
  )
})

test('a hundred thousand entries leave no more than the limit', () => {
  const cache = createVerifiedCache<number>(100)
  for (let i = 0; i < 100_000; i++) cache.set(`${i}`, i, Number.POSITIVE_INFINITY)
  assert.equal(cache.size, 100)
})
