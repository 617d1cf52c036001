import assert from 'node:assert/strict'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { tempFolder } from '../../harness/temp-folder.ts'
import { contenders } from '../contenders/index.ts'
import type { RowResult } from '../measure.ts'
import { rows } from '../rows/index.ts'
import { withEarlier } from './earlier.ts'

const circumstances = { at: '2026-01-02T03:04:05.000Z', commit: 'abc', loadAverage: 0.1, rounds: 3 }

test('rows that were not measured this time stay as they were, and others are replaced', async (t) => {
  const file = join(await tempFolder(t), 'results.json')
  const keptRow = (name: string) => ({
    name,
    seconds: 9,
    circumstances,
    contenders: [{ name: 'nginx', samples: [{ cpu: 1 }] }],
  })
  const kept = { machine: { processor: 'a' }, rows: ['relay-h1', 'bodies', 'gone'].map(keptRow) }
  await writeFile(file, JSON.stringify(kept))
  const row = rows.find(({ name }) => name === 'bodies')
  assert.ok(row)
  const measured: RowResult = {
    row,
    results: [],
    seconds: 1,
    circumstances: { ...circumstances, commit: 'def' },
  }

  const all = withEarlier([measured], { file, processor: 'a', rows, contenders })
  assert.deepEqual(
    all.map((each) => [each.row.name, each.circumstances.commit, each.results.length]),
    [
      ['relay-h1', 'abc', 1],
      ['bodies', 'def', 0],
    ],
  )
  assert.deepEqual(all[0]?.results[0]?.samples, [{ cpu: 1 }])
  assert.deepEqual(withEarlier([measured], { file, processor: 'another', rows, contenders }), [measured])
})
