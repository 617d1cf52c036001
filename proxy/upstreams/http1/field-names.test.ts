import assert from 'node:assert/strict'
import { test } from 'node:test'
import { fieldName } from './field-names.ts'

test('a name is the same however it is written, and as often as it comes', () => {
  for (let turn = 0; turn < 2; turn++)
    for (const written of ['Set-Cookie', 'set-cookie', 'SET-COOKIE'])
      assert.deepEqual(fieldName(written), { lowerCase: 'set-cookie', hopByHop: false })
  assert.deepEqual(fieldName('Keep-Alive'), { lowerCase: 'keep-alive', hopByHop: true })
  assert.deepEqual(fieldName('__proto__'), { lowerCase: '__proto__', hopByHop: false })
})

test('what is no name is none, as often as it comes', () => {
  for (let turn = 0; turn < 2; turn++)
    for (const written of ['', ' A', 'A ', 'A:B', 'A\tB', 'caf\xe9', 'A\0'])
      assert.equal(fieldName(written), undefined, written)
})

test('a flood of invented names changes nothing for the others', () => {
  for (let i = 0; i < 5000; i++) assert.equal(fieldName(`X-${i}`)?.lowerCase, `x-${i}`)
  assert.deepEqual(fieldName('TE'), { lowerCase: 'te', hopByHop: true })
})
