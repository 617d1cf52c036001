import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { loginRequest, operations, schemas } from './contract.ts'
import { describeApi } from './openapi.ts'

type Json = { [name: string]: Json } & { $ref?: string; $schema?: string; openapi?: string }

const document = describeApi() as Json
const described = document.components?.schemas ?? {}

describe('the OpenAPI document', () => {
  test('is of version 3.1, and has each operation at its path and method', () => {
    assert.equal(document.openapi, '3.1.0')
    for (const { path, method, summary } of Object.values(operations))
      assert.equal(document.paths?.[path]?.[method]?.summary, summary as unknown)
    assert.equal(Object.keys(document.paths ?? {}).length, Object.keys(operations).length)
  })

  test('points only at schemas that it has', () => {
    const refs = JSON.stringify(document).match(/"#\/components\/schemas\/\w+"/g) ?? []
    assert.ok(refs.length > 5)
    for (const ref of refs) assert.ok(JSON.parse(ref).split('/')[3] in described, ref)
    assert.deepEqual(Object.keys(described), Object.keys(schemas))
  })

  test('says of a login what the service holds it to', () => {
    const { username = {}, password = {} } = described.LoginRequest?.properties ?? {}
    assert.deepEqual(described.LoginRequest?.required, ['username', 'password'] as unknown)
    assert.equal(password.format, 'password' as unknown)
    for (const [name, { minLength, maxLength }] of Object.entries({ username, password })) {
      const longest = Number(maxLength)
      const right = { username: 'x', password: 'x' }
      assert.equal(Number(minLength), 1)
      assert.equal(loginRequest.safeParse({ ...right, [name]: 'x'.repeat(longest) }).success, true)
      assert.equal(loginRequest.safeParse({ ...right, [name]: 'x'.repeat(longest + 1) }).success, false)
      assert.equal(loginRequest.safeParse({ ...right, [name]: '' }).success, false)
    }
  })

  test('asks for a token where the service does, and nowhere else', () => {
    for (const { path, method, token } of Object.values(operations))
      assert.deepEqual(
        document.paths?.[path]?.[method]?.security,
        (token ? [{ token: [] }] : []) as unknown,
        path,
      )
    assert.equal(document.components?.securitySchemes?.token?.scheme, 'bearer' as unknown)
  })
})
