import assert from 'node:assert/strict'
import { test } from 'node:test'
import { eventually } from '../../../test/harness/eventually.ts'
import { createChecks } from './checks.ts'

const health = { path: '/health', interval: 10, timeout: 100, failures: 3 }

/** Checks of one target, whose answers are a list, the last of them for ever. */
function checked(t: { after(undo: () => void): void }, answers: (string | undefined)[]) {
  const found: string[] = []
  let asked = 0
  const checks = createChecks({ found: (_, isWell, reason) => found.push(isWell ? 'well' : String(reason)) })
  t.after(() => checks.close())
  const ask = async (): Promise<string | undefined> => answers[Math.min(asked++, answers.length - 1)]
  return { checks, found, ask, asked: () => asked }
}

test('one failed check is no news, as many as are named are, and one good answer ends it', async (t) => {
  const { checks, found, ask, asked } = checked(t, [
    'no',
    'no',
    undefined,
    'no',
    'no',
    'down',
    'down',
    undefined,
  ])
  checks.watch('one', { ask, health, isWell: true })
  await eventually(() => asked() > 10)
  assert.deepEqual(found, ['down', 'well'])
})

test('where no check is named nobody is asked, until there is doubt', async (t) => {
  const { checks, found, ask, asked } = checked(t, ['ECONNREFUSED', 'ECONNREFUSED', undefined])
  checks.watch('one', { ask, health: undefined, isWell: true })
  await new Promise((resolve) => setImmediate(resolve))
  assert.equal(asked(), 0)
  checks.doubt('one')
  await eventually(() => found.length === 2)
  assert.deepEqual(found, ['ECONNREFUSED', 'well'])
  assert.equal(asked(), 3)
})

test('doubt that finds nothing wrong says so', async (t) => {
  const { checks, found, ask } = checked(t, [undefined])
  checks.watch('one', { ask, health: undefined, isWell: true })
  checks.doubt('one')
  await eventually(() => found.length === 1)
  assert.deepEqual(found, ['well'])
})

test('of thousands in doubt, 64 are asked at once', async (t) => {
  let under = 0
  let most = 0
  const found: string[] = []
  const checks = createChecks({ found: (name) => found.push(name) })
  t.after(() => checks.close())
  const ask = async (): Promise<undefined> => {
    most = Math.max(most, ++under)
    await new Promise((resolve) => setImmediate(resolve))
    under--
  }
  for (let i = 0; i < 1000; i++) checks.watch(`t${i}`, { ask, health: undefined, isWell: false })
  await eventually(() => found.length === 1000)
  assert.equal(most, 64)
})

test('who was forgotten is not told of, even if the answer was under way', async (t) => {
  const { checks, found } = checked(t, [])
  const { promise, resolve } = Promise.withResolvers<string>()
  checks.watch('one', { ask: () => promise, health, isWell: true })
  checks.doubt('one')
  checks.forget('one')
  resolve('late')
  await new Promise((done) => setImmediate(done))
  assert.deepEqual(found, [])
})
