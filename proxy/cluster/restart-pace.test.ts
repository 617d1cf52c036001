import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createRestartPace } from './restart-pace.ts'

test('five workers in a row are replaced at once, the next wait from 1 s to 30 s', () => {
  const pace = createRestartPace()
  const waits = Array.from({ length: 12 }, () => pace.next(100))
  assert.deepEqual(waits, [0, 0, 0, 0, 0, 1000, 2000, 4000, 8000, 16_000, 30_000, 30_000])
})

test('a worker that lived a minute is replaced at once, and its successors have five tries', () => {
  const pace = createRestartPace()
  for (let i = 0; i < 8; i++) pace.next(0)
  assert.equal(pace.next(60_000), 0)
  assert.deepEqual(
    Array.from({ length: 5 }, () => pace.next(10)),
    [0, 0, 0, 0, 1000],
  )
})
