import assert from 'node:assert/strict'
import { test } from 'node:test'
import { differenceOf } from './difference.ts'

const before = {
  listeners: { https: { port: 8443 } },
  routes: [
    { name: 'a', match: { host: 'a.example' }, policies: { allow: ['10.0.0.0/8', '10.0.0.5'] }, to: 'a' },
    { name: 'b', match: { path: '/b' }, to: 'b', timeouts: { response: '60s' } },
  ],
}

test('nothing changes where only the order of routes and the spelling of lists differ', () => {
  const [a, b] = before.routes
  assert.deepEqual(differenceOf(before, { ...before, routes: [b, a] }), [])
})

test('a change is told in the words of the file', () => {
  const [a, b] = before.routes
  const after = {
    listeners: { https: { port: 443 } },
    defaults: { policies: { securityHeaders: false } },
    routes: [
      {
        ...a,
        match: { host: ['a.example', 'b.example'] },
        policies: { allow: ['10.0.0.0/8', '10.8.0.0/16'] },
      },
      { ...b, timeouts: { response: '2m' }, policies: { jwt: { key: 'k' } } },
      { name: 'c', match: { path: '/c' }, to: 'c' },
    ],
  }
  assert.deepEqual(differenceOf(before, after), [
    { of: 'listener https', kind: 'changed', details: ['port: 8443 → 443'] },
    { of: 'route c', kind: 'added', details: ['match: { path: /c }', 'to: c'] },
    {
      of: 'route a',
      kind: 'changed',
      details: [
        'match.host: b.example added',
        'policies.allow: 10.0.0.5 removed',
        'policies.allow: 10.8.0.0/16 added',
      ],
    },
    {
      of: 'route b',
      kind: 'changed',
      details: ['timeouts.response: 60s → 2m', 'policies: { jwt: { key: k } } added'],
    },
    {
      of: 'defaults (of every route that does not say otherwise)',
      kind: 'added',
      details: ['policies: { securityHeaders: false }'],
    },
  ])
})

test('a removed route says what goes with it', () => {
  const [a] = before.routes
  assert.deepEqual(differenceOf(before, { ...before, routes: [a] }), [
    {
      of: 'route b',
      kind: 'removed',
      details: ['match: { path: /b }', 'to: b', 'timeouts: { response: 60s }'],
    },
  ])
})
