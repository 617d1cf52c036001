import assert from 'node:assert/strict'
import { test } from 'node:test'
import { startText } from './start-text.ts'

const report = {
  version: '1.0.0',
  file: 'shop/routes.yaml',
  workers: 2,
  listeners: { https: 'https://localhost:8443' },
  admin: 'http://127.0.0.1:9901',
  accessLog: 'data/logs/access.log',
  routes: [
    {
      name: 'shop',
      addresses: ['https://shop.localhost:8443/', 'https://shop.localhost:8443/basket'],
      goesTo: 'shop',
      policies: ['allow', 'rateLimit', 'basicAuth'],
      state: 'waiting' as const,
    },
    {
      name: 'open',
      addresses: ['https://localhost:8443/'],
      goesTo: 'site',
      policies: [],
      state: 'there' as const,
    },
  ],
  made: ['certs/users: user admin, password x'],
}

const routesOf = (text: string): string[] => text.split('\n\n')[1]?.split('\n') ?? []

test('routes are a table', () => {
  assert.deepEqual(routesOf(startText(report, false)), [
    '  route  address                             goes to           policies',
    '  shop   https://shop.localhost:8443/        waiting for shop  allow rateLimit basicAuth',
    '         https://shop.localhost:8443/basket',
    '  open   https://localhost:8443/             site',
  ])
})

test('and a list where the terminal is narrower', () => {
  const text = startText(report, false, 60)
  assert.deepEqual(routesOf(text), [
    '  shop  waiting for shop',
    '    https://shop.localhost:8443/',
    '    https://shop.localhost:8443/basket',
    '    allow rateLimit basicAuth',
    '  open  site',
    '    https://localhost:8443/',
  ])
  assert.ok(text.split('\n').every(({ length }) => length <= 60))
})

test('files are told by the folder that they are in', () => {
  // They were looked for where the command was called.
  const text = startText(report, false)
  assert.match(text, /access log +shop\/data\/logs\/access\.log$/m)
  assert.match(text, /^Made for this first start, in shop:$/m)
  assert.match(startText({ ...report, file: 'routes.yaml' }, false), /^Made for this first start:$/m)
})
