import assert from 'node:assert/strict'
import { test } from 'node:test'
import { judgeRuntime, type RuntimeVerdict } from './runtime.ts'

const table: [version: string, verdict: RuntimeVerdict['verdict']][] = [
  ['18.20.8', 'faulty'],
  ['20.20.2', 'faulty'],
  ['22.23.1', 'faulty'],
  ['22.23.2', 'good'],
  ['23.11.0', 'faulty'],
  ['24.18.0', 'faulty'],
  ['24.18.1', 'good'],
  ['24.21.0', 'good'],
  ['25.9.0', 'faulty'],
  ['26.5.0', 'faulty'],
  ['26.5.1', 'good'],
  ['26.6.0', 'good'],
  ['27.0.0', 'untried'],
]
for (const [version, verdict] of table) {
  test(`Node ${version} is ${verdict}`, () => {
    assert.equal(judgeRuntime(version).verdict, verdict)
  })
}

test('a faulty Node is told with those that are not', () => {
  const judged = judgeRuntime('20.20.2')
  assert.match('sentence' in judged ? judged.sentence : '', /22\.23\.2, 24\.18\.1, 26\.5\.1 or later/)
})
