import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import { memoryLimits } from '../request/policies/rate-limit.ts'
import type { CountsQuestion } from './messages.ts'
import { countFor, sharedLimits } from './shared-limits.ts'

/** Workers around one primary, without processes: what they ask is answered in a later turn. */
function workersAround(count: number) {
  const limits = memoryLimits()
  const asked: CountsQuestion[] = []
  const workers = Array.from({ length: count }, () => {
    const worker = sharedLimits((question) => {
      asked.push(question)
      void countFor(limits, structuredClone(question)).then((answer) =>
        worker.counted(structuredClone(answer)),
      )
    })
    return worker
  })
  return { workers, asked }
}

test('counts of one key are one count over all workers', async () => {
  const { workers } = workersAround(3)
  const stores = workers.map((worker) => worker.storeFor('api/rateLimit', 60_000))
  const counts = await Promise.all([...stores, ...stores].map((store) => store.increment('10.0.0.9')))
  assert.deepEqual(counts.map(({ totalHits }) => totalHits).sort(), [1, 2, 3, 4, 5, 6])
  for (const { resetTime } of counts)
    assert.ok(resetTime && resetTime.getTime() > Date.now() && resetTime.getTime() <= Date.now() + 60_000)
})

test('what is counted in one turn of the event loop goes as one message', async () => {
  const { workers, asked } = workersAround(1)
  const store = workers[0]?.storeFor('api/rateLimit', 60_000)
  await Promise.all(Array.from({ length: 50 }, (_, i) => store?.increment(`client ${i % 5}`)))
  assert.equal(asked.length, 1)
  assert.equal(asked[0]?.key.length, 50)
  await store?.increment('later')
  assert.equal(asked.length, 2)
})

test('what comes up while an answer is awaited goes with the next question', async () => {
  const asked: CountsQuestion[] = []
  const limits = memoryLimits()
  const worker = sharedLimits((question) => void asked.push(question))
  const answerLast = async () => worker.counted(await countFor(limits, asked.at(-1) as CountsQuestion))
  const store = worker.storeFor('api/rateLimit', 60_000)
  const counts = [store.increment('a')]
  await turn()
  for (let i = 0; i < 3; i++) {
    counts.push(store.increment('a'))
    await turn()
  }
  assert.equal(asked.length, 1)
  await answerLast()
  assert.deepEqual(asked[1]?.key, ['a', 'a', 'a'])
  await answerLast()
  const hits = (await Promise.all(counts)).map(({ totalHits }) => totalHits)
  assert.deepEqual(hits, [1, 2, 3, 4])
})

test('stores of other names and windows count for themselves', async () => {
  const { workers } = workersAround(2)
  const [one, other] = workers
  const counts = await Promise.all([
    one?.storeFor('a/rateLimit', 60_000).increment('x'),
    one?.storeFor('b/rateLimit', 60_000).increment('x'),
    other?.storeFor('a/rateLimit', 60_000).increment('x'),
    other?.storeFor('b/rateLimit', 60_000).increment('y'),
  ])
  assert.deepEqual(
    counts.map((count) => count?.totalHits),
    [1, 1, 2, 1],
  )
})

test('an answer that nobody waits for harms nobody', () => {
  const worker = sharedLimits(() => {})
  worker.counted({ id: 7, hits: [1], resetAt: [0] })
})
