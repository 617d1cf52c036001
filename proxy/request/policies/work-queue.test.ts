import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createWorkQueue } from './work-queue.ts'

test('so many run, so many wait in order, the next is turned away', async () => {
  const queue = createWorkQueue({ running: 2, waiting: 2 })
  const started: number[] = []
  const gates: (() => void)[] = []
  const task = (id: number) => () => {
    started.push(id)
    return new Promise<number>((resolve) => gates.push(() => resolve(id)))
  }
  const runs = [1, 2, 3, 4].map((id) => queue.run(task(id)))
  assert.deepEqual(started, [1, 2])
  assert.equal(queue.run(task(5)), undefined)
  gates[0]?.()
  assert.equal(await runs[0], 1)
  assert.deepEqual(started, [1, 2, 3])
  for (const gate of gates) gate()
  await runs[2]
  gates[3]?.()
  assert.deepEqual(await Promise.all(runs), [1, 2, 3, 4])
})

test('a task that fails makes room for the next', async () => {
  const queue = createWorkQueue({ running: 1, waiting: 1 })
  const broken = queue.run(() => Promise.reject(new Error('broken')))
  const next = queue.run(() => Promise.resolve('next'))
  await assert.rejects(broken ?? Promise.resolve(), /broken/)
  assert.equal(await next, 'next')
})
