import assert from 'node:assert/strict'
import { test } from 'node:test'
import { hashPassword, verifyPassword } from './password.ts'

test('a password is known by its hash, and another is not', async () => {
  const hash = await hashPassword('correct horse')
  assert.match(hash, /^\$argon2id\$v=19\$m=19456,t=2,p=1\$/)
  assert.equal(await verifyPassword('correct horse', hash), true)
  assert.equal(await verifyPassword('correct horsf', hash), false)
})

test('two hashes of one password differ', async () => {
  assert.notEqual(await hashPassword('a'), await hashPassword('a'))
})

test('an scrypt hash that somebody already has is understood', async () => {
  // Made by another program: N 2^14, r 8, p 1, salt "0123456789abcdef", password "homework".
  const { scryptSync } = await import('node:crypto')
  const salt = Buffer.from('0123456789abcdef')
  const hash = scryptSync('homework', salt, 32, { N: 2 ** 14, r: 8, p: 1 })
  const text = `$scrypt$ln=14,r=8,p=1$${salt.toString('base64').replace(/=+$/, '')}$${hash.toString('base64').replace(/=+$/, '')}`
  assert.equal(await verifyPassword('homework', text), true)
  assert.equal(await verifyPassword('homeworks', text), false)
})

test('nobody is refused by the same work as somebody', async () => {
  assert.equal(await verifyPassword('anything', undefined), false)
  assert.equal(await verifyPassword('anything', 'not a hash'), false)
})
