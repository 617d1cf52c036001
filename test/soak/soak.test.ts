import assert from 'node:assert/strict'
import { availableParallelism } from 'node:os'
import { test } from 'node:test'
import { chart } from './chart.ts'
import { runSoak } from './soak.ts'
import { summarise } from './summary.ts'

/**
 * Half a minute of what `make soak` does for an hour. Too short for a trend: it asks whether every answer was right,
 * whether every exchange is in the log, and whether anything is left when everybody has gone.
 */
test('with everything at once no answer is wrong, and nothing is left behind', {
  timeout: 180_000,
}, async (t) => {
  const outcome = await runSoak(t, {
    seconds: 20,
    every: { sample: 2, collection: 5, reload: 5, certificate: 7, rotation: 6 },
    cores: availableParallelism() * 0.4,
  })
  const { findings, tally, samples } = outcome
  const broken = findings.filter(({ what, holds }) => !holds && !what.startsWith('growth'))
  const said = broken.map(({ what, found, bound }) => `${what}: ${found} (${bound})`)
  assert.deepEqual([...said, ...tally.faults], [])
  assert.ok(tally.total.right > 200, `${tally.total.right} answers`)
  for (const [kind, { right }] of tally.kinds) assert.ok(right > 0, `${kind} was never answered rightly`)
  assert.ok(samples.every(({ memory, heap }) => memory > heap && heap > 0))
  assert.match(summarise(outcome, 'picture.svg'), /\| wrong answers \| 0 \| 0 \| holds \|/)
  assert.match(chart('soak', samples), /^<svg .*<polyline points="\d.*<\/svg>\n$/s)
})
