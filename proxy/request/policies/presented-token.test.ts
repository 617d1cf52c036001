import assert from 'node:assert/strict'
import { test } from 'node:test'
import { sampleFacts } from '../../../test/harness/facts.ts'
import { sampleUpgrade } from '../../../test/harness/policies.ts'
import { findTokens, removeSubprotocolToken } from './presented-token.ts'

const places = { cookie: 'session', subprotocol: true }
const [a, b] = ['aaa.bbb.ccc', 'ddd.eee.fff']

const found: readonly [what: string, headers: string[], tokens: string[]][] = [
  ['nothing', [], []],
  ['the Authorization field', ['Authorization', `Bearer ${a}`], [a]],
  ['the scheme in any case', ['authorization', `bEARER  ${a} `], [a]],
  ['another scheme', ['Authorization', 'Basic YTpi'], []],
  ['another scheme that begins like it', ['Authorization', `Bearers ${a}`], []],
  // The attack: a token of one's own in the cookie, and somebody else's, expired or made up, in a field that was taken for
  // one of another scheme, while the upstream splits it at any white space.
  ['the Authorization field with a tab', ['Authorization', `Bearer\t${b}`, 'Cookie', `session=${a}`], [b, a]],
  ['the cookie', ['Cookie', `x=1; session=${a}; y=2`], [a]],
  ['the cookie in quotes', ['Cookie', `session="${a}"`], [a]],
  [
    'the cookie in the second of two fields, as HTTP/2 sends them',
    ['cookie', 'x=1', 'cookie', `session=${a}`],
    [a],
  ],
  ['the same cookie twice', ['Cookie', `session=${a}; session=${a}`], [a]],
  ['a cookie of another name', ['Cookie', `xsession=${a}; session2=${a}; Session=${a}`], []],
  ['an empty cookie', ['Cookie', 'session='], []],
  ['the same token in two places, once', ['Authorization', `Bearer ${a}`, 'Cookie', `session=${a}`], [a]],
  [
    'different tokens in two places, both',
    ['Authorization', `Bearer ${a}`, 'Cookie', `session=${b}`],
    [a, b],
  ],
]
for (const [what, headers, tokens] of found) {
  test(`finds ${what}`, () => {
    assert.deepEqual(findTokens(sampleFacts({ headers }), places), tokens)
    assert.deepEqual(findTokens(sampleUpgrade({ headers }), places), tokens)
  })
}

const problems: readonly [what: string, headers: string[], problem: RegExp][] = [
  [
    'two Authorization fields',
    ['Authorization', `Bearer ${a}`, 'authorization', `Bearer ${a}`],
    /more than one/,
  ],
  ['two different cookies', ['Cookie', `session=${a}; session=${b}`], /^two different cookies "session"$/],
  [
    'two different cookies in two fields',
    ['Cookie', `session=${a}`, 'Cookie', `session=${b}`],
    /two different/,
  ],
  ['an empty cookie beside a full one', ['Cookie', `session=; session=${a}`], /two different/],
  ['no token behind Bearer', ['Authorization', 'Bearer'], /^not of the form of a token$/],
  ['a token that nothing divides from Bearer', ['Authorization', `Bearer="${a}"`], /not of the form/],
  ['two tokens behind Bearer', ['Authorization', `Bearer ${a} ${b}`], /not of the form/],
  ['a token with an empty signature', ['Authorization', 'Bearer aaa.bbb.'], /not of the form/],
  ['an encrypted token', ['Authorization', 'Bearer a.b.c.d.e'], /not of the form/],
  ['a token with letters beyond ASCII', ['Cookie', 'session=aaa.bbb.c\u00e7c'], /not of the form/],
  ['an overlong token', ['Cookie', `session=${'a'.repeat(9000)}.b.c`], /more than 8192 characters/],
]
for (const [what, headers, problem] of problems) {
  test(`refuses ${what}`, () => {
    for (const facts of [sampleFacts({ headers }), sampleUpgrade({ headers })]) {
      const answer = findTokens(facts, places)
      assert.ok('problem' in answer)
      assert.match(answer.problem, problem)
    }
  })
}

const field = 'Sec-WebSocket-Protocol'
const protocols: readonly [offered: string[], token: readonly string[] | RegExp, left: string[]][] = [
  [[`bearer, ${a}`], [a], []],
  [[`chat, bearer, ${a}, v2`], [a], [field, 'chat, v2']],
  [['chat', 'bearer', a], [a], [field, 'chat']],
  [['chat'], [], [field, 'chat']],
  [['bearer'], /not of the form/, []],
  [['bearer, chat'], /not of the form/, []],
  [[`bearer, ${a}, bearer, ${b}`], /two tokens among the subprotocols/, [field, `bearer, ${b}`]],
]
for (const [offered, token, left] of protocols) {
  test(`subprotocols ${offered.join(' + ')}`, () => {
    const headers = offered.flatMap((value) => [field, value])
    const answer = findTokens(sampleUpgrade({ headers }), places)
    if (token instanceof RegExp) assert.match('problem' in answer ? answer.problem : '', token)
    else assert.deepEqual(answer, token)
    const sent = ['Host', 'x', ...headers]
    removeSubprotocolToken(sent)
    assert.deepEqual(sent, ['Host', 'x', ...left])
  })
}

test('subprotocols are read only where the route says so, and only in a handshake', () => {
  const headers = [field, `bearer, ${a}`]
  assert.deepEqual(findTokens(sampleFacts({ headers }), places), [])
  assert.deepEqual(findTokens(sampleUpgrade({ headers }), { subprotocol: false }), [])
})
