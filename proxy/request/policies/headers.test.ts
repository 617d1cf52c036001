import assert from 'node:assert/strict'
import { test } from 'node:test'
import { sampleFacts } from '../../../test/harness/facts.ts'
import { readOptions, sampleHead } from '../../../test/harness/policies.ts'
import { headers } from './headers.ts'

const build = (written: object) => headers(readOptions('headers', written))

test('request fields are removed, then set, then added, whatever case they came in', () => {
  const policy = build({
    request: { remove: ['x-secret'], set: { 'X-Env': 'prod' }, add: { Via: '1.1 edge' } },
  })
  const fields = [
    'Host',
    'a.test',
    'X-SECRET',
    '1',
    'x-env',
    'spoofed',
    'Accept',
    '*/*',
    'X-Secret',
    '2',
    'Via',
    '1.0 a',
  ]
  policy.editRequest?.(sampleFacts(), fields)
  assert.deepEqual(fields, [
    'Host',
    'a.test',
    'Accept',
    '*/*',
    'Via',
    '1.0 a',
    'x-env',
    'prod',
    'via',
    '1.1 edge',
  ])
})

/**
 * Attack: `X_Remote_User: root` beside a route that sets or removes X-Remote-User. A service behind CGI or WSGI has one
 * variable for both, and took the client's word.
 */
test('a request field takes its twin with underscores along, in either direction', () => {
  const policy = build({ request: { remove: ['X-Remote-User', 'x_team'], set: { 'X-Env': 'prod' } } })
  const fields = ['X_Remote_User', 'root', 'X-REMOTE_USER', 'root', 'X-Team', 'red', 'x_env', 'test']
  policy.editRequest?.(sampleFacts(), fields)
  assert.deepEqual(fields, ['x-env', 'prod'])
})

test('response fields are removed, then set, then added', () => {
  const policy = build({
    response: {
      remove: ['Server', 'Link'],
      set: { 'X-Env': 'prod', 'Set-Cookie': 'only=1' },
      add: { Link: '</a>', Vary: 'Cookie', 'Cache-Status': 'gatehouse' },
    },
  })
  const head = sampleHead({
    server: 'x',
    link: '</gone>',
    'x-env': ['a', 'b'],
    'set-cookie': ['a=1', 'b=2'],
    vary: 'Accept',
    'cache-status': ['a', 'b'],
  })
  policy.editResponse?.(sampleFacts(), head)
  assert.deepEqual(
    { ...head.headers },
    {
      'x-env': 'prod',
      'set-cookie': 'only=1',
      link: '</a>',
      vary: ['Accept', 'Cookie'],
      'cache-status': ['a', 'b', 'gatehouse'],
    },
  )
})

test('a side without edits has no hook', () => {
  const policy = build({ request: { set: { a: '1' } } })
  assert.equal(policy.editResponse, undefined)
  assert.equal(typeof policy.editRequest, 'function')
  assert.equal(policy.decide, undefined)
})

const refused: [options: { request?: object; response?: object }, message: string][] = [
  [
    { request: { set: { 'Content-Length': '5' } } },
    '"Content-Length" frames the message and cannot be edited',
  ],
  [
    { response: { remove: ['transfer-encoding'] } },
    '"transfer-encoding" frames the message and cannot be edited',
  ],
  [{ request: { add: { Connection: 'x' } } }, '"Connection" belongs to one connection and cannot be edited'],
  [{ response: { set: { Upgrade: 'x' } } }, '"Upgrade" belongs to one connection and cannot be edited'],
  [
    { response: { remove: ['Sec-WebSocket-Accept'] } },
    '"Sec-WebSocket-Accept" is part of the WebSocket handshake and cannot be edited',
  ],
  [{ request: { set: { Host: 'x' } } }, '"host" of a request is set by `forward.host` of the route'],
  [{ request: { remove: ['a b'] } }, '"a b" is not a field name'],
  [
    { response: { set: { 'X-A': 'snow ☃' } } },
    'the value of "X-A" holds a character that no header field may hold',
  ],
]
for (const [options, message] of refused) {
  test(`refused when the route is built: ${message}`, () => {
    // Past the schema, which refuses some of these by itself.
    const { request, response, mode } = readOptions('headers', {})
    const edits = {
      request: { ...request, ...options.request },
      response: { ...response, ...options.response },
    }
    assert.throws(() => headers({ ...edits, mode }), { message })
  })
}
