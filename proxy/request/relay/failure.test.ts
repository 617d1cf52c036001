import assert from 'node:assert/strict'
import { test } from 'node:test'
import { readFailure } from './failure.ts'

const coded = (code: string) => Object.assign(new Error('x'), { code })

test('who cannot be reached was sent nothing', () => {
  for (const code of ['ECONNREFUSED', 'EHOSTUNREACH', 'UPSTREAM_NOT_ALLOWED'])
    assert.deepEqual(readFailure(coded(code), false), {
      code: 'upstream_refused',
      nothingSent: true,
      detail: `${code}: x`,
    })
  assert.equal(readFailure(coded('ERR_TLS_CERT_ALTNAME_INVALID'), false).nothingSent, true)
})

/**
 * The fault: a machine vanishes with a POST under way. The kernel gives up on the connection and says EHOSTUNREACH, which
 * was taken for a connection that never was, and a POST without a body was sent to another target as well.
 */
test('who stood and vanished may have had everything', () => {
  for (const code of ['EHOSTUNREACH', 'ENETUNREACH', 'EACCES', 'ETIMEDOUT', 'ECONNRESET', 'ERR_TLS_X'])
    assert.deepEqual(readFailure(coded(code), true), {
      code: 'upstream_broken',
      nothingSent: false,
      detail: `${code}: x`,
    })
  assert.equal(readFailure(coded('UPSTREAM_NO_RESPONSE'), true).code, 'upstream_timeout')
  // Ours: looked at before the first byte of it was written.
  assert.equal(readFailure(coded('UPSTREAM_UNWRITABLE'), true).nothingSent, true)
})
