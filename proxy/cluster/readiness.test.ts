import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Condition, readinessOf } from './readiness.ts'

const well: Condition = {
  phase: 'serving',
  workers: { ready: 2, wanted: 2 },
  refused: [],
  closedRoutes: [],
  waiting: [],
  troubles: [],
}
const mistake = {
  severity: 'error',
  file: 'routes.yaml',
  line: 3,
  column: 5,
  path: 'routes[0].to',
  message: 'is no upstream',
} as const

const table: [what: string, change: Partial<Condition>, ready: boolean, reasons: string[]][] = [
  ['all is well', {}, true, []],
  ['it starts', { phase: 'starting', workers: { ready: 0, wanted: 2 } }, false, ['starting']],
  ['a service has not announced itself', { waiting: ['photos'] }, true, ['waiting for photos']],
  ['it stops', { phase: 'stopping' }, false, ['stopping']],
  ['no worker serves', { workers: { ready: 0, wanted: 2 } }, false, ['no worker serves']],
  ['a worker is being replaced', { workers: { ready: 1, wanted: 2 } }, true, ['1 of 2 workers serve']],
  [
    'routes.yaml has mistakes',
    { refused: [mistake, mistake] },
    true,
    ['routes.yaml was not taken up: routes.yaml:3:5 routes[0].to: is no upstream (and 1 more)'],
  ],
  [
    'a route is closed',
    { closedRoutes: [{ route: 'api', reason: 'the file is not there' }] },
    false,
    ['route api is closed: the file is not there'],
  ],
  ['a certificate has expired', { troubles: ['it expired'] }, true, ['it expired']],
]
for (const [what, change, ready, reasons] of table) {
  test(`${what}: ${ready ? 'ready' : 'not ready'}`, () => {
    assert.deepEqual(readinessOf({ ...well, ...change }), { ready, reasons })
  })
}
