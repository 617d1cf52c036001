import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Gap, gapsIn } from './recordings.ts'

test('gaps are what lies between the chunks that are here, from the first to the end', () => {
  const rows: [here: number[], end: number, gaps: Gap[]][] = [
    [[], 0, []],
    [[], 3, [[0, 2]]],
    [[0, 1, 2], 3, []],
    [
      [1],
      3,
      [
        [0, 0],
        [2, 2],
      ],
    ],
    [[0, 5], 6, [[1, 4]]],
    [
      [2, 3, 9],
      20,
      [
        [0, 1],
        [4, 8],
        [10, 19],
      ],
    ],
  ]
  for (const [here, end, gaps] of rows) assert.deepEqual(gapsIn(here, end), gaps, `${here} of ${end}`)
})

test('no more than a hundred gaps are named, however many there are', () => {
  const odd = Array.from({ length: 5000 }, (_, at) => at * 2 + 1)
  assert.equal(gapsIn(odd, 10_001).length, 100)
})
