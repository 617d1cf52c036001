import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import type { Count, CountStore } from './context.ts'
import { countDespiteFailure } from './spare-count.ts'

/** A shared store that does what it is told, a spare that answers 1000 and up, and what was reported. */
function build(t: TestContext, answer: (key: string) => Count | Promise<Count>) {
  t.mock.timers.enable({ apis: ['setTimeout', 'Date'] })
  const reports: string[] = []
  let spares = 0
  let hits = 1000
  const spare: CountStore = { increment: () => ({ totalHits: hits++, resetTime: undefined }) }
  const shared = { asked: 0, answer }
  const store: CountStore = {
    increment(key) {
      shared.asked++
      return shared.answer(key)
    },
  }
  const counts = countDespiteFailure({
    store,
    spare: () => {
      spares++
      return spare
    },
    onFailure: (why) => reports.push(why),
  })
  const hit = async () => (await counts.increment('k')).totalHits
  return { counts, shared, reports, hit, spares: () => spares }
}

const five: Count = { totalHits: 5, resetTime: undefined }

test('a store that works is believed, without a promise where it makes none', (t) => {
  const { counts, spares, reports } = build(t, () => five)
  assert.equal(counts.increment('k'), five)
  assert.equal(spares(), 0)
  assert.deepEqual(reports, [])
})

const failures: [how: string, answer: () => Count | Promise<Count>, words: string][] = [
  ['rejects', () => Promise.reject(new Error('ECONNREFUSED')), 'ECONNREFUSED'],
  [
    'throws',
    () => {
      throw new Error('not connected')
    },
    'not connected',
  ],
  ['answers nonsense', () => ({}) as Count, 'its answer is no count'],
  ['answers nonsense by promise', async () => ({ totalHits: Number.NaN }) as Count, 'its answer is no count'],
]
for (const [how, answer, words] of failures) {
  test(`when it ${how} this process counts for itself, and says so once`, async (t) => {
    const { hit, reports } = build(t, answer)
    assert.equal(await hit(), 1000)
    assert.equal(await hit(), 1001)
    assert.deepEqual(reports, [
      `the shared store of counts is away, each process counts for itself: ${words}`,
    ])
  })
}

test('a store that hangs holds an exchange for a second and no longer', async (t) => {
  const { hit, reports } = build(t, () => new Promise(() => {}))
  const hanging = hit()
  t.mock.timers.tick(999)
  assert.deepEqual(reports, [])
  t.mock.timers.tick(1)
  assert.equal(await hanging, 1000)
  assert.match(reports[0] ?? '', /no answer in 1000 ms$/)
})

test('a store that failed is left alone for a second, asked again, and believed again', async (t) => {
  const { hit, shared, reports } = build(t, () => Promise.reject(new Error('away')))
  await hit()
  await hit()
  assert.equal(shared.asked, 1)
  shared.answer = async () => five
  t.mock.timers.tick(1000)
  assert.equal(await hit(), 5)
  assert.equal(await hit(), 5)
  assert.deepEqual(reports, [
    'the shared store of counts is away, each process counts for itself: away',
    'the shared store of counts is back',
  ])
})
