import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createReloadHistory } from './reload-history.ts'

const before = `
routes:
  - name: shop
    policies:
      allow: { networks: [10.0.0.0/8] }
      headers: { request: { set: { X-Api-Key: first-secret } } }
      own: { anything: first-secret }
    to: http://user:first-secret@10.0.0.1
  - { name: old, to: http://10.0.0.2 }
`

test('a reload is told as routes that came, went and changed, and without a secret', () => {
  const history = createReloadHistory({})
  const after = before
    .replace('10.0.0.0/8', '10.8.0.0/16')
    .replaceAll('first-secret', 'second-secret')
    .replace('name: old', 'name: new')
  history.note({ outcome: 'taken up', before, after, needRestart: ['admin'], endedTunnels: 2 })
  const [report] = history.list()
  assert.deepEqual(report?.changes, [
    { of: 'route new', kind: 'added', details: ['to: http://10.0.0.2'] },
    {
      of: 'route shop',
      kind: 'changed',
      details: ['policies.allow.networks: 10.0.0.0/8 removed', 'policies.allow.networks: 10.8.0.0/16 added'],
    },
    { of: 'route old', kind: 'removed', details: ['to: http://10.0.0.2'] },
  ])
  assert.deepEqual([report?.needRestart, report?.endedTunnels], [['admin'], 2])
})

test('where nothing but a secret changed, it is said that something did', () => {
  const history = createReloadHistory({})
  const after = before.replace('X-Api-Key: first-secret', 'X-Api-Key: second-secret')
  history.note({ outcome: 'taken up', before, after, needRestart: [], endedTunnels: 0 })
  const details = ['a value that is not shown']
  assert.deepEqual(history.list()[0]?.changes, [{ of: 'route shop', kind: 'changed', details }])
})

test('a refusal is told with its mistakes, the newest first, and twenty are kept', () => {
  const history = createReloadHistory({})
  const problem = {
    severity: 'error',
    file: 'routes.yaml',
    line: 3,
    column: 5,
    path: 'routes[0].to',
    message: 'is missing',
  } as const
  for (let i = 0; i < 30; i++) history.note({ outcome: 'taken back' })
  history.note({ outcome: 'refused', problems: [problem] })
  assert.equal(history.list().length, 20)
  assert.deepEqual(history.list()[0]?.problems, ['routes.yaml:3:5 routes[0].to: is missing'])
})
