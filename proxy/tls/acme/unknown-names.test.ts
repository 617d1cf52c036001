import assert from 'node:assert/strict'
import { test } from 'node:test'
import { matchesAny, tellUnknownNames } from './unknown-names.ts'

test('a name is told if a pattern is for it and a certificate could have it', () => {
  const patterns = ['*.desk.example', 'one.example']
  for (const name of ['k.desk.example', 'k-1.desk.example', 'one.example'])
    assert.ok(matchesAny(patterns, name))
  const others = ['desk.example', 'a.b.desk.example', '*.desk.example', '.desk.example', 'k_1.desk.example']
  for (const name of [
    ...others,
    '-k.desk.example',
    `${'k'.repeat(64)}.desk.example`,
    'k.desk.example.evil',
    '',
    'k',
  ])
    assert.ok(!matchesAny(patterns, name), name)
  assert.ok(!matchesAny(['*.desk.example'], '../x.desk.example'))
})

test('of a flood of names few are told, and each of them once', () => {
  const told: string[] = []
  const tell = tellUnknownNames(
    () => ['*.desk.example'],
    (name) => told.push(name),
  )
  for (let at = 0; at < 100_000; at++) tell(`K${at % 5_000}.desk.example`)
  assert.ok(told.length >= 50 && told.length <= 500, String(told.length))
  assert.ok(told.every((name) => name === name.toLowerCase()))
})

test('without patterns nothing is told', () => {
  tellUnknownNames(
    () => undefined,
    () => assert.fail('told'),
  )('k.desk.example')
})
