import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createSlots } from './slots.ts'
import { createTurns } from './turns.ts'

test('a slot is of one user, and is given back once', () => {
  const slots = createSlots(2)
  const giveBack = slots.take('ada')
  slots.take('ada')
  assert.equal(slots.take('ada'), undefined)
  assert.notEqual(slots.take('bea'), undefined)
  giveBack?.()
  // Twice, as an error after an end would: it must not free the slot of another upload.
  giveBack?.()
  assert.notEqual(slots.take('ada'), undefined)
  assert.equal(slots.take('ada'), undefined)
})

test('no more at once than there are turns, in order, and a failure ends its turn', async () => {
  const inTurn = createTurns(2)
  const order: number[] = []
  let [atOnce, most] = [0, 0]
  const work = (name: number) =>
    inTurn(async () => {
      atOnce++
      most = Math.max(most, atOnce)
      await new Promise((resolve) => setImmediate(resolve))
      atOnce--
      order.push(name)
      if (name === 1) throw new Error('this one')
    })
  const ended = await Promise.allSettled([0, 1, 2, 3, 4, 5].map(work))
  assert.deepEqual(order, [0, 1, 2, 3, 4, 5])
  assert.equal(most, 2)
  assert.deepEqual(
    ended.map(({ status }) => status === 'fulfilled'),
    [true, false, true, true, true, true],
  )
})
