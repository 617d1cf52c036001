import assert from 'node:assert/strict'
import { test } from 'node:test'
import { contenders } from '../contenders/index.ts'
import type { RowResult } from '../measure.ts'
import type { Sample, Target } from '../row.ts'
import { judge } from './targets.ts'

/** A row in which Gatehouse and Caddy were measured like this. */
function rowWith(target: Target, own: Sample[], caddys: Sample[]): RowResult {
  const samples: Record<string, Sample[]> = { gatehouse: own, caddy: caddys }
  return {
    row: {
      name: 'row',
      title: 'A row',
      method: '',
      quick: true,
      contenders: ['gatehouse', 'caddy'],
      figures: [{ key: 'cpu', title: 'CPU', unit: 'µs' }],
      targets: [target],
      prepare: () => Promise.reject(new Error('not measured here')),
    },
    results: contenders.flatMap((contender) => {
      const each = samples[contender.name]
      return each ? [{ contender, samples: each }] : []
    }),
    seconds: 1,
    circumstances: { at: '', commit: '', loadAverage: 0, rounds: 1 },
  }
}

const overCaddy: Target = { figure: 'cpu', over: { contender: 'caddy', figure: 'cpu' }, most: 0.65 }

test('a ratio is the median of the ratios round by round, not the ratio of the medians', () => {
  // In the second round the machine was three times as slow, for both.
  const own = [{ cpu: 30 }, { cpu: 90 }, { cpu: 36 }]
  const [judgement] = judge(rowWith(overCaddy, own, [{ cpu: 60 }, { cpu: 180 }, { cpu: 45 }]))
  assert.deepEqual(judgement, { row: 'row', wanted: 'CPU ≤ 0.65 × Caddy', value: 0.5, verdict: 'met' })
})

test('a bound that is exceeded is missed, and one that is just kept is met', () => {
  const verdictAt = (cpu: number) => judge(rowWith(overCaddy, [{ cpu }], [{ cpu: 100 }]))[0]?.verdict
  assert.equal(verdictAt(65), 'met')
  assert.equal(verdictAt(66), 'missed')
})

test('a bound from below is kept from above', () => {
  const verdictAt = (cpu: number) => judge(rowWith({ figure: 'cpu', least: 1.8 }, [{ cpu }], []))[0]?.verdict
  assert.equal(verdictAt(1.9), 'met')
  assert.equal(verdictAt(1.7), 'missed')
})

test('what one side was not measured for is neither met nor missed', () => {
  assert.equal(judge(rowWith(overCaddy, [{ cpu: 1 }], []))[0]?.verdict, 'not measured')
  assert.equal(judge(rowWith(overCaddy, [], [{ cpu: 1 }]))[0]?.verdict, 'not measured')
})
