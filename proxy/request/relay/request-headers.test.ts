import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { sampleFacts } from '../../../test/harness/facts.ts'
import type { Exchange } from '../exchange.ts'
import type { Facts } from '../facts.ts'
import type { Route } from '../match/route.ts'
import type { HeaderEntry } from '../policies/policy.ts'
import { requestHeadersFor, setTargetHeaders } from './request-headers.ts'

const route = {
  requestEditors: [],
  config: { forward: { prefix: 'keep', host: 'keep' } },
} as unknown as Route

function sent(
  headers: string[],
  more: {
    facts?: Partial<Facts>
    verdicts?: HeaderEntry[]
    user?: string
    route?: Route
    prefix?: string
  } = {},
) {
  const facts = { ...sampleFacts({ headers, client: '192.0.2.7' }), ...more.facts }
  const exchange = {
    id: 'id-1',
    prefix: more.prefix ?? '',
    upstreamHeaders: more.verdicts ?? [],
    user: more.user,
  } as unknown as Exchange
  const list = requestHeadersFor(exchange, more.route ?? route, facts, 'upstream.example')
  const all = (name: string): string[] =>
    list.filter((_value, index) => index % 2 === 1 && list[index - 1]?.toLowerCase() === name)
  return { list, all }
}

describe('what ends at this hop never passes', () => {
  for (const name of [
    'Connection',
    'Keep-Alive',
    'Proxy-Connection',
    'Proxy-Authorization',
    'TE',
    'Trailer',
    'Transfer-Encoding',
    'Upgrade',
    'HTTP2-Settings',
    'Content-Length',
    'Expect',
  ]) {
    test(name, () => assert.deepEqual(sent([name, 'x']).all(name.toLowerCase()), []))
  }
  test('a field that Connection names', () =>
    assert.deepEqual(sent(['Connection', 'close, X-Mine', 'X-Mine', 'a', 'X-Other', 'b']).all('x-mine'), []))
  test('but Connection cannot name what we set', () => {
    const { all } = sent(['Connection', 'X-Forwarded-For, X-Real-IP, Via, X-Request-Id, Forwarded, Host'])
    assert.deepEqual(all('x-forwarded-for'), ['192.0.2.7'])
    assert.deepEqual(all('x-real-ip'), ['192.0.2.7'])
    assert.deepEqual(all('x-request-id'), ['id-1'])
    assert.equal(all('forwarded').length, 1)
    assert.deepEqual(all('host'), ['upstream.example'])
  })
  test('pseudo fields of HTTP/2', () =>
    assert.ok(!sent([':method', 'GET', ':path', '/']).list.some((text) => text.startsWith(':'))))
})

describe('what only we may say is said by us alone, whatever its spelling', () => {
  for (const name of [
    'X-Forwarded-For',
    'x-forwarded-for',
    'X_Forwarded_For',
    'X-Forwarded_For',
    'X-Real-IP',
    'X_Real_IP',
    'Forwarded',
    'X-Forwarded-Host',
    'X-Forwarded-Proto',
    'X-Forwarded-User',
    'X-Forwarded-Prefix',
    'X-Forwarded-Anything',
    'X-Request-Id',
    'Host',
  ]) {
    test(name, () => assert.ok(!sent([name, 'evil']).list.includes('evil')))
  }
  test('also what a policy sets', () => {
    assert.deepEqual(
      sent(['Remote-User', 'evil'], { verdicts: [['remote-user', 'alice']] }).all('remote-user'),
      ['alice'],
    )
  })
})

test('everything else passes as it came: order, case, repetition', () => {
  const { list } = sent(['X-B', '1', 'x-a', '2', 'X-B', '3', 'User-Agent', 'caf\xe9'])
  assert.deepEqual(list.slice(2, 10), ['X-B', '1', 'x-a', '2', 'X-B', '3', 'User-Agent', 'caf\xe9'])
})

test('cookies that HTTP/2 split are one field again', () => {
  assert.deepEqual(sent(['cookie', 'a=1', 'cookie', 'b=2']).all('cookie'), ['a=1; b=2'])
})

test('an IPv6 client is quoted in Forwarded (RFC 7239 §6)', () => {
  const facts = sampleFacts({ client: '2001:db8::1' })
  assert.match(
    sent([], { facts: { client: facts.client } }).all('forwarded')[0] ?? '',
    /^for="\[2001:db8::1\]";/,
  )
})

test('a user name cannot end the field', () => {
  assert.deepEqual(sent([], { user: 'a\r\nX: ü' }).all('x-forwarded-user'), ['a%0D%0AX:%20%C3%BC'])
})

// The attack: what CGI and WSGI read as the name of a field that a policy or a target sets, in another spelling.
describe('no twin of a client stands beside a field of ours', () => {
  test('that a policy sets', () => {
    const verdicts: HeaderEntry[] = [['X-Plan', 'free']]
    const { list } = sent(['X_Plan', 'paid', 'x-plan', 'paid', 'X_Other', 'b'], { verdicts })
    assert.deepEqual(
      list.filter((text) => /plan|other/i.test(text)),
      ['X_Other', 'X-Plan'],
    )
  })
  test('that a target asks for', () => {
    const { list } = sent(['X_Desk_Key', 'guess', 'x-desk-key', 'guess'])
    setTargetHeaders(list, { 'X-Desk-Key': 'right' })
    assert.deepEqual(
      list.filter((text) => /desk|guess|right/i.test(text)),
      ['X-Desk-Key', 'right'],
    )
  })
})

test('whatever a client sends, the upstream learns one client, and it is the real one', () => {
  const name = fc.oneof(
    fc.constantFrom(
      'X-Forwarded-For',
      'x_forwarded_for',
      'X-Real-Ip',
      'Forwarded',
      'Connection',
      'X-Forwarded-Proto',
      'Host',
      'Cookie',
    ),
    fc.stringMatching(/^[A-Za-z_-]{1,18}$/),
  )
  const pairs = fc.array(fc.tuple(name, fc.constantFrom('evil', 'close, x-forwarded-for', 'keep-alive')), {
    maxLength: 8,
  })
  fc.assert(
    fc.property(pairs, (fields) => {
      const { all, list } = sent(fields.flat())
      assert.deepEqual(all('x-forwarded-for'), ['192.0.2.7'])
      assert.deepEqual(all('x-real-ip'), ['192.0.2.7'])
      assert.deepEqual(all('host'), ['upstream.example'])
      assert.ok(
        !list.some(
          (text, index) =>
            index % 2 === 0 && /^(connection|transfer-encoding|upgrade|content-length)$/i.test(text),
        ),
      )
    }),
    { numRuns: 2_000 },
  )
})
