import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import fc from 'fast-check'
import { sampleRecord } from '../../test/harness/sample-record.ts'
import type { ExchangeRecord } from './exchange-record.ts'
import { combinedLine, shortCombinedLine } from './line-combined.ts'
import { jsonLine, shortJsonLine } from './line-json.ts'

// biome-ignore lint/suspicious/noExplicitAny: the lines are read as their readers do, without a type
const read = (line: string): any => JSON.parse(line)

const hostileText = fc.oneof(
  fc.string({ unit: 'binary' }),
  fc.string({
    unit: fc.constantFrom(
      '"',
      '\\',
      '\n',
      '\r',
      '\u001b[',
      '\u2028',
      '\u009b',
      ' ',
      '\t',
      'x',
      '] "GET / HTTP/1.1" 401 0',
      '\ud800',
    ),
  }),
)
const hostileRecord = fc
  .record({
    method: hostileText,
    host: hostileText,
    uri: hostileText,
    user: hostileText,
    denyReason: hostileText,
    detail: hostileText,
    requestHeaders: fc
      .array(
        fc.tuple(
          fc.oneof(hostileText, fc.constantFrom('Referer', 'User-Agent', 'Cookie', '__proto__')),
          hostileText,
        ),
        { maxLength: 6 },
      )
      .map((fields) => fields.flat()),
    responseHeaders: fc.dictionary(
      hostileText,
      fc.oneof(hostileText, fc.array(hostileText, { maxLength: 2 })),
      { maxKeys: 4 },
    ),
  })
  .map((changes) => sampleRecord({ ...changes, observed: [{ policy: 'allow', reason: changes.detail }] }))

/** A control character, or one that turns text around. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
const steering = /[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]/

suite('json', () => {
  test('has the shape of Caddy, and our fields after it', () => {
    const tls = {
      version: 'TLSv1.3',
      cipher: 'TLS_AES_128_GCM_SHA256',
      serverName: 'photos.localhost',
      alpn: 'h2',
      resumed: false,
    }
    const line = jsonLine(sampleRecord({ tls, user: 'ada' }), true)
    assert.ok(line.endsWith('}\n'))
    assert.deepEqual(read(line), {
      level: 'info',
      ts: 1791640536.27,
      logger: 'http.log.access',
      msg: 'handled request',
      request: {
        remote_ip: '10.0.0.1',
        remote_port: '40000',
        client_ip: '192.168.1.17',
        proto: 'HTTP/2.0',
        method: 'GET',
        host: 'photos.localhost',
        uri: '/api/v1?page=2',
        headers: { 'User-Agent': ['curl/8.0'], Referer: ['https://photos.localhost/'] },
        tls: {
          resumed: false,
          version: 772,
          cipher_suite: 4865,
          proto: 'h2',
          server_name: 'photos.localhost',
        },
      },
      bytes_read: 10,
      user_id: 'ada',
      duration: 0.02,
      size: 256,
      status: 200,
      resp_headers: { 'Content-Type': ['text/plain'] },
      entrypoint: 'https',
      decision: 'allow',
      router: 'photos-api',
      rule: 'routes.yaml:42',
      service: 'photos',
      upstream: 'http://127.0.0.1:3000',
      request_id: '0f1c9d52-7a43-4c1e-9a57-0e6f5c0f3a11',
      upstream_status: 200,
      upstream_duration: 0.015,
      attempts: 1,
    })
  })

  test('a failed sign-in can be told from every other line', () => {
    const line = read(
      jsonLine(
        sampleRecord({
          status: 401,
          decision: 'deny',
          denyPolicy: 'basicAuth',
          denyReason: 'no such user',
          errorCode: 'credentials_invalid',
          attempts: 0,
        }),
        true,
      ),
    )
    assert.partialDeepStrictEqual(line, {
      status: 401,
      decision: 'deny',
      deny_policy: 'basicAuth',
      deny_reason: 'no such user',
      error: 'credentials_invalid',
    })
    assert.equal(line.request.client_ip, '192.168.1.17')
    assert.equal('attempts' in line, false)
  })

  test('a server error has the level error, and says what went wrong', () => {
    const line = read(
      jsonLine(
        sampleRecord({
          status: 502,
          decision: 'error',
          errorCode: 'upstream_broken',
          detail: 'ECONNRESET',
          aborted: true,
        }),
        true,
      ),
    )
    assert.partialDeepStrictEqual(line, {
      level: 'error',
      error: 'upstream_broken',
      detail: 'ECONNRESET',
      aborted: true,
    })
    assert.equal(read(jsonLine(sampleRecord({ status: 499 }), true)).level, 'info')
  })

  test('what a policy in observe mode would have refused is told', () => {
    const line = read(
      jsonLine(sampleRecord({ observed: [{ policy: 'allow', reason: '10.0.0.9 is in no network' }] }), true),
    )
    assert.deepEqual(line.observed, [{ policy: 'allow', reason: '10.0.0.9 is in no network' }])
  })

  test('a client certificate is named', () => {
    const tls = {
      version: 'TLSv9',
      cipher: 'NEW',
      serverName: '',
      alpn: '',
      resumed: true,
      clientCertificate: { subject: 'CN=cam 1', serial: '0A' },
    }
    assert.deepEqual(read(jsonLine(sampleRecord({ tls }), true)).request.tls, {
      resumed: true,
      version: 'TLSv9',
      cipher_suite: 'NEW',
      proto: '',
      server_name: '',
      client_subject: 'CN=cam 1',
      client_serial: '0A',
    })
  })

  test('the same route with another target, listener or decision is told anew', () => {
    const one = sampleRecord()
    for (const change of [
      { target: 'http://127.0.0.1:3001' },
      { listener: 'http' },
      { decision: 'deny' as const },
      { service: undefined },
      { target: undefined },
    ]) {
      jsonLine(one, true)
      const { entrypoint, decision, service, upstream } = read(jsonLine(sampleRecord(change), true))
      const { listener, decision: given, service: name, target } = sampleRecord(change)
      assert.deepEqual(
        { entrypoint, decision, service, upstream },
        { entrypoint: listener, decision: given, service: name, upstream: target },
      )
    }
  })

  suite('header fields', () => {
    const headersOf = (raw: string[], query = true) =>
      read(jsonLine(sampleRecord({ requestHeaders: raw }), query)).request.headers

    test('repeated fields are one array, in order, whatever their case', () =>
      assert.deepEqual(headersOf(['X-A', '1', 'Via', 'v', 'x-a', '2', 'X-a', '3']), {
        'X-A': ['1', '2', '3'],
        Via: ['v'],
      }))
    test('pseudo fields are not told twice', () =>
      assert.deepEqual(headersOf([':method', 'GET', ':path', '/?token=x', 'accept', '*/*']), {
        Accept: ['*/*'],
      }))
    test('a value is not kept from one exchange to the next', () => {
      assert.deepEqual(headersOf(['X-Memo', 'one']), { 'X-Memo': ['one'] })
      assert.deepEqual(headersOf(['X-Memo', 'one']), { 'X-Memo': ['one'] })
      assert.deepEqual(headersOf(['X-Memo', 'two']), { 'X-Memo': ['two'] })
      assert.deepEqual(headersOf(['X-Memo', '']), { 'X-Memo': [''] })
    })
    test('names without number do not use up the memory, and are still told', () => {
      for (let i = 0; i < 1500; i++)
        assert.deepEqual(headersOf([`X-Flood-${i}`, 'v', 'accept', 'a']), {
          [`X-Flood-${i}`]: ['v'],
          Accept: ['a'],
        })
      assert.deepEqual(
        headersOf(['X-After-Flood', '1', 'X-After-Flood', '2', 'Cookie', 's', 'X-Late-Token', 's']),
        { 'X-After-Flood': ['1', '2'], Cookie: ['REDACTED'], 'X-Late-Token': ['REDACTED'] },
      )
    })
    test('none is an empty object', () => assert.deepEqual(headersOf([]), {}))
  })
})

suite('secrets', () => {
  const secret = 'S3CRET-VALUE'
  const places: [string, Partial<ExchangeRecord>][] = [
    ...['Cookie', 'Authorization', 'Proxy-Authorization', 'X-Api-Key', 'x-auth-token'].map(
      (name): [string, Partial<ExchangeRecord>] => [
        name,
        { requestHeaders: [name, secret, 'Via', 'x', name, secret] },
      ],
    ),
    ['Sec-WebSocket-Protocol', { requestHeaders: ['Sec-WebSocket-Protocol', `bearer, ${secret}`] }],
    ['Referer', { requestHeaders: ['Referer', `https://x/?token=${secret}`] }],
    ['Set-Cookie', { responseHeaders: { 'set-cookie': [`a=${secret}`, `b=${secret}`] } }],
    ['one Set-Cookie', { responseHeaders: { 'set-cookie': `a=${secret}` } }],
    ['Location', { responseHeaders: { location: `/cb?code=${secret}` } }],
    ['the query', { uri: `/x?access_token=${secret}` }],
    ['a target with a password', { target: `http://me:${secret}@10.0.0.1` }],
  ]
  for (const [name, change] of places)
    test(`in ${name} are hidden`, () => {
      for (const format of [jsonLine, shortJsonLine, combinedLine, shortCombinedLine]) {
        const line = format(sampleRecord(change), true)
        assert.ok(!line.includes(secret), line)
      }
      assert.ok(jsonLine(sampleRecord(change), true).includes('REDACTED'))
    })

  test('with `query: false` no query is written, nor that of the referer', () => {
    const record = sampleRecord({
      requestHeaders: ['Referer', 'https://x/y?page=9'],
      responseHeaders: { location: '/z?page=8' },
    })
    for (const format of [jsonLine, shortJsonLine, combinedLine, shortCombinedLine])
      assert.ok(!format(record, false).includes('page='), format(record, false))
    assert.ok(jsonLine(record, true).includes('page=9'))
  })
})

suite('combined', () => {
  test('is the format of Apache, with the client behind the trusted proxies', () => {
    assert.equal(
      combinedLine(sampleRecord({ user: 'ada' }), true),
      '192.168.1.17 - ada [10/Oct/2026:13:55:36 +0000] "GET /api/v1?page=2 HTTP/2.0" 200 256 "https://photos.localhost/" "curl/8.0"\n',
    )
  })
  test('what is not there is a dash', () => {
    const record = sampleRecord({ method: '', uri: '', requestHeaders: [], status: 400, bytesSent: 0 })
    assert.equal(
      combinedLine(record, true),
      '192.168.1.17 - - [10/Oct/2026:13:55:36 +0000] "- - HTTP/2.0" 400 0 "-" "-"\n',
    )
  })
  test('quotes, line breaks, backslashes and bytes beyond ASCII are escaped', () => {
    const record = sampleRecord({ user: 'a b"\n[', requestHeaders: ['User-Agent', 'a"b\\c\r\n1.2.3.4 - é€'] })
    const line = combinedLine(record, true)
    assert.match(line, / a\\x20b\\x22\\x0a\\x5b \[10\//)
    assert.match(line, /"a\\x22b\\x5cc\\x0d\\x0a1\.2\.3\.4 - \\xe9\\xe2\\x82\\xac"\n$/)
  })
})

suite('a client cannot forge a line', () => {
  const combined =
    /^192\.168\.1\.17 - \S+ \[10\/Oct\/2026:13:55:36 \+0000\] "[^"\\ ]?(?:[^"\\]|\\x[0-9a-f]{2})*" 200 256 "(?:[^"\\]|\\x[0-9a-f]{2})*" "(?:[^"\\]|\\x[0-9a-f]{2})*"\n$/

  test('json: one line, which parses, whose own fields are ours', () => {
    fc.assert(
      fc.property(hostileRecord, fc.boolean(), (record, query) => {
        for (const format of [jsonLine, shortJsonLine]) {
          const line = format(record, query)
          assert.equal(line.indexOf('\n'), line.length - 1)
          assert.doesNotMatch(line.slice(0, -1), steering)
          const { status, level, request, router } = read(line)
          assert.deepEqual(
            [status, level, request.client_ip, router],
            [200, 'info', '192.168.1.17', 'photos-api'],
          )
        }
      }),
      { numRuns: 500 },
    )
  })

  test('json: texts come through as they were, but for what is hidden', () => {
    fc.assert(
      fc.property(hostileText, (text) => {
        const line = read(
          jsonLine(sampleRecord({ denyReason: text, requestHeaders: ['User-Agent', text] }), true),
        )
        const wellFormed = JSON.parse(JSON.stringify(text))
        assert.equal(line.deny_reason, wellFormed)
        assert.equal(line.request.headers['User-Agent'][0], wellFormed)
      }),
    )
  })

  test('combined: one line, in which the reader finds the status and the client that we wrote', () => {
    fc.assert(
      fc.property(hostileRecord, fc.boolean(), (record, query) => {
        for (const format of [combinedLine, shortCombinedLine]) assert.match(format(record, query), combined)
      }),
      { numRuns: 500 },
    )
  })
})

test('a short line fits into one write to a pipe, however long the fields', () => {
  const long = '"\u0001é'.repeat(20_000)
  const record = sampleRecord({
    method: long,
    host: long,
    uri: long,
    user: long,
    denyReason: long,
    detail: long,
    requestHeaders: ['Referer', long, 'User-Agent', long],
    responseHeaders: { a: long },
  })
  for (const format of [shortJsonLine, shortCombinedLine]) {
    const line = format(record, true)
    assert.ok(Buffer.byteLength(line) <= 4096, `${format.name}: ${Buffer.byteLength(line)}`)
  }
  assert.equal(read(shortJsonLine(record, true)).shortened, true)
})
