import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { type ClientAddress, parseAddress, parseNetwork } from '../../address.ts'
import { type ErrorCode, GatehouseError } from '../../errors.ts'
import { readFacts } from './facts.ts'
import type { Incoming } from './incoming.ts'

interface Said {
  url?: string
  method?: string
  headers?: string[]
  version?: '1.0' | '1.1' | '2.0'
  peer?: string
  secure?: boolean
}

function incoming({
  url = '/',
  method = 'GET',
  headers = ['Host', 'h.example'],
  version = '1.1',
  peer = '192.0.2.7',
  secure = true,
}: Said): Incoming {
  const [major, minor] = version.split('.').map(Number)
  return {
    request: { url, method, rawHeaders: headers, httpVersionMajor: major, httpVersionMinor: minor },
    listener: { name: 'https', secure, config: {}, port: 443 },
    peer: parseAddress(peer) as ClientAddress,
    peerPort: 1,
    expectsContinue: false,
  } as unknown as Incoming
}

const read = (said: Said, trusted: string[] = []) => readFacts(incoming(said), trusted.map(parseNetwork))

function codeOf(said: Said): ErrorCode | undefined {
  try {
    read(said)
    return undefined
  } catch (error) {
    assert.ok(error instanceof GatehouseError, String(error))
    return error.code
  }
}

describe('a target is read in each of its forms', () => {
  const rows: [url: string, host: string, path: string, query: string][] = [
    ['/a?b=c', 'h.example', '/a', '?b=c'],
    ['/a?', 'h.example', '/a', '?'],
    ['/a?b?c', 'h.example', '/a', '?b?c'],
    ['http://other.example/a?b', 'other.example', '/a', '?b'],
    ['https://OTHER.example:8443', 'other.example', '/', ''],
    ['http://other.example?x', 'other.example', '/', '?x'],
  ]
  for (const [url, host, path, query] of rows) {
    test(url, () => {
      const facts = read({ url })
      assert.deepEqual([facts.host, facts.path, facts.query], [host, path, query])
    })
  }
})

describe('what two readers could take differently is refused', () => {
  const rows: [what: string, said: Said, code: ErrorCode][] = [
    ['two hosts', { headers: ['Host', 'a', 'Host', 'b'] }, 'host_invalid'],
    ['the same host twice', { headers: ['Host', 'a', 'host', 'a'] }, 'host_invalid'],
    ['an empty host', { headers: ['Host', ''] }, 'host_invalid'],
    ['no host', { headers: [] }, 'host_invalid'],
    ['no host beside an absolute form', { url: 'http://a/', headers: [] }, 'host_invalid'],
    [
      'a host that is none beside an absolute form',
      { url: 'http://a/', headers: ['Host', 'b@c'] },
      'host_invalid',
    ],
    ['userinfo in the host', { headers: ['Host', 'a@b'] }, 'host_invalid'],
    ['a path in the host', { headers: ['Host', 'a/b'] }, 'host_invalid'],
    [
      ':authority against Host',
      { version: '2.0', headers: [':authority', 'a', 'host', 'b'] },
      'host_invalid',
    ],
    ['a broken absolute form', { url: 'http://[::1/x' }, 'host_invalid'],
    ['an absolute form without a host', { url: 'http:///x' }, 'host_invalid'],
    ['a target that is no path', { url: '*', method: 'OPTIONS' }, 'path_ambiguous'],
    ['an encoded slash', { url: '/a%2fb' }, 'path_ambiguous'],
    ['a raw byte in the query', { url: '/a?\u00e9' }, 'path_ambiguous'],
    ['a fragment', { url: '/a?b#c' }, 'path_ambiguous'],
    [
      'two Authorization fields',
      { headers: ['Host', 'a', 'Authorization', 'x', 'authorization', 'y'] },
      'bad_request',
    ],
    ['TRACE', { method: 'TRACE' }, 'method_not_allowed'],
    ['CONNECT', { method: 'CONNECT' }, 'method_not_allowed'],
    ['a method that is no token', { version: '2.0', method: 'GET /x HTTP/1.1' }, 'bad_request'],
    [
      'a coding besides chunked',
      { headers: ['Host', 'a', 'Transfer-Encoding', 'gzip, chunked'] },
      'framing_invalid',
    ],
    [
      'chunked twice',
      { headers: ['Host', 'a', 'Transfer-Encoding', 'chunked', 'Transfer-Encoding', 'chunked'] },
      'framing_invalid',
    ],
    [
      'chunks over HTTP/1.0',
      { version: '1.0', headers: ['Transfer-Encoding', 'chunked'] },
      'framing_invalid',
    ],
  ]
  for (const [what, said, code] of rows) test(what, () => assert.equal(codeOf(said), code))
})

test('a device of HTTP/1.0 without a host is served by routes that name none', () => {
  assert.equal(read({ version: '1.0', headers: [] }).host, '')
})

describe('who the client is', () => {
  const forwarded = (chain: string, proto = 'http') => ({
    headers: ['Host', 'h', 'X-Forwarded-For', chain, 'X-Forwarded-Proto', proto],
    peer: '10.0.0.1',
  })
  test('is the peer, whatever an untrusted one says', () => {
    const facts = read(forwarded('127.0.0.1'))
    assert.deepEqual([facts.client.text, facts.secure], ['10.0.0.1', true])
  })
  const rows: [chain: string, client: string, because: string][] = [
    ['203.0.113.9', '203.0.113.9', 'what a trusted proxy says'],
    ['127.0.0.1, 203.0.113.9', '203.0.113.9', 'not what the client put before it'],
    ['203.0.113.9, 10.0.0.2', '203.0.113.9', 'the nearest that is no trusted proxy'],
    ['10.0.0.3, 10.0.0.2', '10.0.0.3', 'the farthest where all are trusted'],
    ['nonsense', '10.0.0.1', 'the last that could be read'],
    ['nonsense, 10.0.0.2', '10.0.0.2', 'the last that could be read'],
    ['[2001:db8::1]:4711', '2001:db8::1', 'an address with a port'],
    ['203.0.113.9:80', '203.0.113.9', 'an IPv4 address with a port'],
    ['::ffff:203.0.113.9', '203.0.113.9', 'a mapped address'],
    ['', '10.0.0.1', 'the peer where the chain is empty'],
  ]
  for (const [chain, client, because] of rows) {
    test(`${chain || '(nothing)'} behind a trusted proxy is ${client}: ${because}`, () => {
      const facts = read(forwarded(chain), ['10.0.0.0/8'])
      assert.equal(facts.client.text, client)
      assert.equal(facts.secure, false)
    })
  }
  test('a chain over several fields is one chain', () => {
    const headers = ['Host', 'h', 'X-Forwarded-For', '127.0.0.1', 'x-forwarded-for', '203.0.113.9']
    assert.equal(read({ headers, peer: '10.0.0.1' }, ['10.0.0.0/8']).client.text, '203.0.113.9')
  })
})

test('whatever is sent, it is read or refused by the catalogue', () => {
  const text = fc.oneof(
    fc.string({ unit: 'binary', maxLength: 20 }),
    fc.constantFrom('/', 'http://', '[', ':', '%', '..', '*'),
  )
  const said = fc.record({
    url: fc.array(text, { maxLength: 5 }).map((parts) => parts.join('')),
    method: fc.oneof(fc.constantFrom('GET', 'TRACE'), text),
    headers: fc
      .array(
        fc.tuple(
          fc.constantFrom('Host', ':authority', 'X-Forwarded-For', 'Transfer-Encoding', 'Authorization'),
          text,
        ),
        { maxLength: 5 },
      )
      .map((pairs) => pairs.flat()),
    version: fc.constantFrom('1.0' as const, '1.1' as const, '2.0' as const),
  })
  fc.assert(
    fc.property(said, (request) => {
      try {
        const facts = read({ ...request, peer: '10.0.0.1' }, ['10.0.0.0/8'])
        assert.match(facts.path, /^\//)
        assert.ok(!/[\r\n\0 ]/.test(facts.path + facts.query + facts.host))
      } catch (error) {
        assert.ok(error instanceof GatehouseError, String(error))
      }
    }),
    { numRuns: 5_000 },
  )
})
