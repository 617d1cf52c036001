import assert from 'node:assert/strict'
import { mkdtempSync, renameSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { followFile } from './followed-file.ts'

function follow(t: TestContext, content = 'one') {
  const folder = mkdtempSync(join(tmpdir(), 'followed-'))
  t.after(() => rmSync(folder, { recursive: true }))
  const path = join(folder, 'file')
  writeFileSync(path, content)
  const told: string[] = []
  let parsed = 0
  const latest = followFile(path, {
    parse: (bytes) => {
      parsed++
      if (bytes.includes('bad')) throw new Error('file:1: is bad')
      return bytes.toString()
    },
    onBroken: (message) => told.push(message),
    lookEvery: 0,
  })
  return { path, told, latest, parses: () => parsed }
}

test('a rewritten file counts with the next look', (t) => {
  const { path, latest } = follow(t)
  assert.equal(latest(), 'one')
  writeFileSync(path, 'two!')
  assert.equal(latest(), 'two!')
})

test('an unchanged file is not read again', (t) => {
  const { latest, parses } = follow(t)
  for (let i = 0; i < 10; i++) latest()
  assert.equal(parses(), 1)
})

test('a file that is replaced by one of the same length and time counts', (t) => {
  const { path, latest } = follow(t)
  const { atime, mtime } = statSync(path)
  writeFileSync(`${path}.new`, 'two')
  utimesSync(`${path}.new`, atime, mtime)
  renameSync(`${path}.new`, path)
  assert.equal(latest(), 'two')
})

test('a broken rewrite keeps what was read before, is told once, and can be mended', (t) => {
  const { path, told, latest } = follow(t)
  writeFileSync(path, 'bad')
  for (let i = 0; i < 3; i++) assert.equal(latest(), 'one')
  assert.deepEqual(told, ['file:1: is bad; what was read before stays in force'])
  writeFileSync(path, 'mended')
  assert.equal(latest(), 'mended')
})

test('a file that is gone keeps what was read before, is told once, and may come back', (t) => {
  const { path, told, latest } = follow(t)
  rmSync(path)
  for (let i = 0; i < 3; i++) assert.equal(latest(), 'one')
  assert.equal(told.length, 1)
  assert.match(told[0] ?? '', /there is no such file; what was read before stays in force$/)
  writeFileSync(path, 'back')
  assert.equal(latest(), 'back')
})

test('a file that is missing from the start throws, with the mend', () => {
  const options = { parse: String, onBroken: () => {}, mend: 'make one' }
  assert.throws(() => followFile('/nowhere/at/all', options), {
    message: '/nowhere/at/all cannot be read: there is no such file; make one',
  })
})

test('a file of more than 1 MB is refused', (t) => {
  const { path } = follow(t)
  writeFileSync(path, Buffer.alloc(1024 * 1024 + 1))
  assert.throws(() => followFile(path, { parse: String, onBroken: () => {} }), /larger than 1MB/)
})

test('between two looks the file is left alone', (t) => {
  const { path } = follow(t)
  const latest = followFile(path, {
    parse: (bytes) => bytes.toString(),
    onBroken: () => {},
    lookEvery: 60_000,
  })
  writeFileSync(path, 'two!')
  assert.equal(latest(), 'one')
})
