import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { QuestionMessage } from './messages.ts'
import { type Answers, answerQuestion, createAsker } from './questions.ts'

const answers: Answers = {
  prepare: ({ text }) => {
    if (text === 'bad') throw new Error('it is bad')
    return { problems: [] }
  },
  activate: async () => ({ endedTunnels: 2, closedRoutes: [] }),
  discard: () => ({}),
  proofs: () => ({}),
  metrics: () => [],
  routes: () => [],
  targets: () => [],
  tunnels: () => ({}),
  watch: () => ({ routes: [], followed: { exchanges: [], missed: [] } }),
  decisions: () => [],
  stop: () => ({}),
}

/** Both ends in one process. What is said passes through JSON, as between processes. */
function ends() {
  const asker = createAsker((message) => {
    void answerQuestion(answers, overTheWire(message)).then((answer) => asker.answered(overTheWire(answer)))
  })
  return asker
}

function overTheWire<T>(message: T): T {
  return JSON.parse(JSON.stringify(message))
}

test('each question gets its own answer, whatever else is asked meanwhile', async () => {
  const asker = ends()
  const [activated, prepared] = await Promise.all([
    asker.ask('activate', {}, 1000),
    asker.ask('prepare', { text: 'good' }, 1000),
  ])
  assert.deepEqual(activated, { endedTunnels: 2, closedRoutes: [] })
  assert.deepEqual(prepared, { problems: [] })
})

test('what the other side throws is told in its words', async () => {
  await assert.rejects(ends().ask('prepare', { text: 'bad' }, 1000), { message: 'it is bad' })
})

test('no answer in time is a failure, and a late one harms nobody', async () => {
  const sent: QuestionMessage[] = []
  const asker = createAsker((message) => sent.push(message))
  await assert.rejects(asker.ask('routes', {}, 20), { message: 'no answer about routes in 20 ms' })
  asker.answered({ kind: 'answer', id: sent[0]?.id ?? 0, answer: [] })
})

test('who waits for a process that ended is told, and so is who asks it afterwards', async () => {
  const asker = createAsker(() => {})
  const asked = asker.ask('metrics', {}, 1000)
  asker.ended('worker 7 has ended (SIGKILL)')
  await assert.rejects(asked, { message: 'worker 7 has ended (SIGKILL)' })
  await assert.rejects(asker.ask('metrics', {}, 1000), { message: 'worker 7 has ended (SIGKILL)' })
})
