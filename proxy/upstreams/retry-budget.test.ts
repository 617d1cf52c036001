import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createRetryBudget } from './retry-budget.ts'

test('ten repeats are there at first, and then one for every five exchanges', () => {
  const budget = createRetryBudget(0.2)
  for (let at = 0; at < 10; at++) assert.equal(budget.spend(), true)
  assert.equal(budget.spend(), false)
  for (let at = 0; at < 5; at++) budget.earn()
  assert.deepEqual([budget.spend(), budget.spend()], [true, false])
})

test('a hundred are saved up and no more', () => {
  const budget = createRetryBudget(1)
  for (let at = 0; at < 10_000; at++) budget.earn()
  let spent = 0
  while (budget.spend()) spent++
  assert.equal(spent, 100)
})

test('a budget of 0 repeats nothing', () => {
  const budget = createRetryBudget(0)
  budget.earn()
  assert.equal(budget.spend(), false)
})
