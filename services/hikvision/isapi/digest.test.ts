import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { parseChallenges } from './challenge.ts'
import { isStale, proofFor } from './digest.ts'

const login = { user: 'Mufasa', password: 'Circle of Life' }
const nonce = '7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v'
const cnonce = () => 'f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ'
const challenge = (algorithm: string) =>
  `Digest realm="http-auth@example.org", qop="auth, auth-int", algorithm=${algorithm}, nonce="${nonce}", opaque="FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS"`

describe('digest authentication', () => {
  // RFC 7616, section 3.9.1
  const vectors: [algorithm: string, response: string][] = [
    ['MD5', '8ca523f5e9506fed4657c9700eebdbec'],
    ['SHA-256', '753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1'],
  ]
  for (const [algorithm, response] of vectors)
    test(`by ${algorithm} is that of RFC 7616`, () => {
      const field = proofFor([challenge(algorithm)], login, cnonce)?.for('GET', '/dir/index.html') ?? ''
      const said = parseChallenges([field])[0]?.parameters
      assert.equal(said?.response, response)
      assert.deepEqual([said?.nc, said?.qop, said?.uri], ['00000001', 'auth', '/dir/index.html'])
    })

  test('without qop and algorithm is that of RFC 2617', () => {
    const field =
      'Digest realm="testrealm@host.com", nonce="dcd98b7102dd2f0e8b11d0f600bfb0c093", opaque="", stale="FALSE"'
    const said =
      proofFor([field], { user: 'Mufasa', password: 'Circle Of Life' })?.for('GET', '/dir/index.html') ?? ''
    assert.match(said, /response="670fd8c2df070c60b045671b8b24ff02", opaque=""$/)
    assert.equal(isStale([field]), false)
  })

  test('counts the uses of a nonce', () => {
    const proof = proofFor([challenge('MD5')], login)
    const counts = [1, 2, 3].map(() => /nc=(\w+)/.exec(proof?.for('GET', '/') ?? '')?.[1])
    assert.deepEqual(counts, ['00000001', '00000002', '00000003'])
  })

  test('takes the strongest that is offered, in one field or several, and basic only alone', () => {
    const both = [`${challenge('MD5')}, ${challenge('SHA-256')}, Basic realm="x"`]
    assert.match(proofFor(both, login)?.for('GET', '/') ?? '', /algorithm=SHA-256/)
    assert.match(proofFor(['Basic realm="x"', challenge('MD5')], login)?.for('GET', '/') ?? '', /^Digest/)
    assert.match(
      proofFor(['Basic realm="old"'], login)?.for('GET', '/') ?? '',
      /^Basic TXVmYXNhOkNpcmNsZSBvZiBMaWZl$/,
    )
    assert.equal(proofFor([challenge('SHA-3'), 'Basic realm="x"'], login), undefined, 'no step down')
    assert.equal(proofFor(['Negotiate'], login), undefined)
    assert.equal(proofFor([], login), undefined)
  })

  test('signs the path with its query, and says names with quotes', () => {
    const field =
      proofFor([challenge('MD5')], { user: 'a"b', password: 'x' })?.for('PUT', '/ISAPI/x?format=json') ?? ''
    assert.match(field, /username="a\\"b", .*uri="\/ISAPI\/x\?format=json"/)
  })
})
