import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createLateness, tickEvery } from './lateness.ts'

const limit = 200

/** Turns of these lengths, one after the other. Answers the lateness and the time at which the last one began. */
function after(...turns: number[]): { lateness: ReturnType<typeof createLateness>; at: number } {
  const lateness = createLateness(() => limit, 0)
  let at = 0
  for (const turn of turns) {
    at += turn
    lateness.tick(at)
  }
  return { lateness, at }
}

test('a loop that is on time refuses nobody, however often it is asked', () => {
  const { lateness, at } = after(20, 21, 20, 35, 20)
  assert.equal(lateness.tooLate(at), false)
  assert.equal(lateness.tooLate(at + tickEvery), false)
  assert.equal(lateness.last, 0)
})

test('one long turn refuses nobody: a garbage collection is no overload', () => {
  const { lateness, at } = after(20, 20)
  assert.equal(lateness.tooLate(at + 900), false)
  lateness.tick(at + 900)
  assert.equal(lateness.last, 900 - tickEvery)
  assert.equal(lateness.tooLate(at + 900 + limit), false)
})

test('the second of two long turns is closed when it has taken as long as the limit', () => {
  const { lateness, at } = after(20, 600)
  assert.equal(lateness.tooLate(at + tickEvery + limit), false)
  assert.equal(lateness.tooLate(at + tickEvery + limit + 1), true)
})

test('once somebody was refused, a turn is closed after a quarter of the limit', () => {
  const { lateness, at } = after(20, 600)
  assert.equal(lateness.tooLate(at + 300), true)
  lateness.tick(at + 300)
  assert.equal(lateness.tooLate(at + 300 + tickEvery + limit / 4), false)
  assert.equal(lateness.tooLate(at + 300 + tickEvery + limit / 4 + 1), true)
})

test('a second without a refusal, and a long turn is forgiven again', () => {
  const { lateness, at } = after(20, 600)
  lateness.tooLate(at + 300)
  for (let now = at + 300; now <= at + 1300; now += tickEvery) lateness.tick(now)
  assert.equal(lateness.tooLate(at + 1300 + 900), false)
})

test('work of our own is not held against the clients', () => {
  const { lateness, at } = after(20, 600)
  lateness.excuse(at + 500)
  assert.equal(lateness.tooLate(at + 500), false)
  assert.equal(lateness.tooLate(at + 900), false)
})

test('a limit of 0 refuses nobody, and a reload may bring one', () => {
  let most = 0
  const lateness = createLateness(() => most, 0)
  lateness.tick(5000)
  assert.equal(lateness.tooLate(10_000), false)
  most = limit
  lateness.tick(10_000)
  assert.equal(lateness.tooLate(15_000), true)
})
