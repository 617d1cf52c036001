import assert from 'node:assert/strict'
import { test } from 'node:test'
import { choose, didYouMean, list, nearest } from './mend.ts'

const policies = ['allow', 'deny', 'rateLimit', 'basicAuth', 'securityHeaders']

for (const [word, meant] of [
  ['alow', 'allow'],
  ['rate-limit', 'rateLimit'],
  ['ratelimits', 'rateLimit'],
  ['basic_auth', 'basicAuth'],
  ['securityHeader', 'securityHeaders'],
  ['compression', undefined],
  ['', undefined],
  ['x'.repeat(10_000), undefined],
] as const) {
  test(`"${word.slice(0, 20)}" is near to ${meant ?? 'nothing'}`, () =>
    assert.equal(nearest(word, policies), meant))
}

test('where nothing is near, what there is is listed', () => {
  assert.equal(choose('zzzzzz', ['http', 'https']), 'there is http and https')
  assert.equal(choose('htps', ['http', 'https']), 'did you mean "https"?')
  assert.equal(choose('a', []), undefined)
  assert.equal(didYouMean('a', []), undefined)
})

test('a list reads as it is spoken', () => {
  assert.deepEqual(
    [list([]), list(['a']), list(['a', 'b']), list(['a', 'b', 'c'], 'or')],
    ['', 'a', 'a and b', 'a, b or c'],
  )
})
