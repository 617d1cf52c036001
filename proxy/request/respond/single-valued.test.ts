import assert from 'node:assert/strict'
import { test } from 'node:test'
import { keepOneOfEach } from './single-valued.ts'

test('of a field that says one thing, the first is kept; what may be said twice stays', () => {
  const headers = {
    etag: ['"a"', '"b"'],
    'content-type': ['text/plain', 'text/html'],
    location: '/one',
    'set-cookie': ['a=1', 'b=2'],
    vary: ['Accept', 'Origin'],
    link: ['</a>', '</b>'],
  }
  keepOneOfEach(headers)
  assert.deepEqual(headers, {
    etag: '"a"',
    'content-type': 'text/plain',
    location: '/one',
    'set-cookie': ['a=1', 'b=2'],
    vary: ['Accept', 'Origin'],
    link: ['</a>', '</b>'],
  })
})
