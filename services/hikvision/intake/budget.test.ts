import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import { budgetOf } from './budget.ts'

test('an address that has its share waits, and others do not wait for it', async () => {
  const budget = budgetOf(400)
  const got: string[] = []
  const take = (address: string, bytes: number) =>
    budget.take(address, bytes).then((release) => {
      got.push(address)
      return release
    })
  const first = await take('flood', 100)
  const second = take('flood', 50)
  const third = take('flood', 50)
  await take('calm', 100)
  await turn()
  assert.deepEqual(got, ['flood', 'calm'])
  first()
  first()
  await Promise.all([second, third])
  assert.deepEqual(got, ['flood', 'calm', 'flood', 'flood'])
})

test('when all of it is taken, each address has its turn, and a body of any size has one', async () => {
  const budget = budgetOf(100)
  const got: string[] = []
  const release = await budget.take('one', 1000)
  for (const address of ['flood', 'flood', 'calm'])
    void budget.take(address, 100).then((done) => {
      got.push(address)
      setImmediate(done)
    })
  await turn()
  assert.deepEqual(got, [])
  release()
  for (let n = 0; n < 10 && got.length < 3; n += 1) await turn()
  assert.deepEqual(got, ['flood', 'calm', 'flood'])
})
