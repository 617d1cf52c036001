import assert from 'node:assert/strict'
import { test } from 'node:test'
import { sampleFacts } from '../../../test/harness/facts.ts'
import { readOptions, sampleUpgrade } from '../../../test/harness/policies.ts'
import { maxBody } from './max-body.ts'

const policy = maxBody(readOptions('maxBody', '1KB'))

const passing: [what: string, headers: string[]][] = [
  ['no body', []],
  ['exactly the limit', ['Content-Length', '1024']],
  ['a streamed body, which the relay counts', ['Transfer-Encoding', 'chunked']],
]
for (const [what, headers] of passing) {
  test(`${what} passes`, () => {
    assert.deepEqual(policy.decide?.(sampleFacts({ method: 'POST', headers })), { verdict: 'pass' })
  })
}

for (const length of ['1025', '99999999999999999999999999']) {
  test(`a declared length of ${length} is refused before a byte is read, with a request and with an upgrade`, () => {
    const headers = ['content-length', length]
    for (const facts of [sampleFacts({ method: 'POST', headers }), sampleUpgrade({ headers })]) {
      assert.deepEqual(policy.decide?.(facts), {
        verdict: 'deny',
        code: 'body_too_large',
        reason: `content-length ${length} is above the limit of 1024 bytes`,
      })
    }
  })
}

test('the relay is told to count what is streamed', () => {
  assert.equal(policy.bodyLimit, 1024)
})

test('in observe mode the declared length is judged, and the rest is for the relay to count', () => {
  const observing = maxBody(readOptions('maxBody', { size: '1KB', mode: 'observe' }))
  assert.deepEqual([observing.mode, observing.bodyLimit], ['observe', 1024])
  const verdict = observing.decide?.(sampleFacts({ headers: ['Content-Length', '2000'] }))
  assert.partialDeepStrictEqual(verdict, { verdict: 'deny', code: 'body_too_large' })
})
