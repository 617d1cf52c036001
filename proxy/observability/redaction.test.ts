import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import fc from 'fast-check'
import { isSecretField, redact, redactSubprotocol, redactText, redactUrl } from './redaction.ts'

suite('parameters that hold secrets lose their value', () => {
  const cases: [url: string, shown: string][] = [
    ['/x', '/x'],
    ['/x?page=2&sort=date', '/x?page=2&sort=date'],
    ['/x?token=abc', '/x?token=REDACTED'],
    ['/x?a=1&access_token=abc&b=2', '/x?a=1&access_token=REDACTED&b=2'],
    ['/x?ACCESS_TOKEN=abc', '/x?ACCESS_TOKEN=REDACTED'],
    ['/x?accessToken=abc', '/x?accessToken=REDACTED'],
    ['/x?password=a;b?c=d', '/x?password=REDACTED'],
    [
      '/x?key=1&secret=2&code=3&signature=4',
      '/x?key=REDACTED&secret=REDACTED&code=REDACTED&signature=REDACTED',
    ],
    [
      '/x?api_key=1&X-Amz-Signature=2&client_secret=3',
      '/x?api_key=REDACTED&X-Amz-Signature=REDACTED&client_secret=REDACTED',
    ],
    ['/x?%74oken=abc', '/x?%74oken=REDACTED'],
    ['/x?tok%65n=abc', '/x?tok%65n=REDACTED'],
    ['/x;jsessionid=abc?a=1', '/x;jsessionid=REDACTED'],
    ['/x?a=1;token=abc', '/x?a=1;token=REDACTED'],
    ['/x#access_token=abc&state=1', '/x#access_token=REDACTED&state=1'],
    ['/login?next=/x?token=abc', '/login?next=/x?token=REDACTED'],
    ['/login?next=%2Fx%3Ftoken%3Dabc&a=1', '/login?next=REDACTED&a=1'],
    ['/login?next=%2Fx%3Fpage%3D2', '/login?next=%2Fx%3Fpage%3D2'],
    ['/x?monkey=1&zipcode=2&keyboard=3', '/x?monkey=1&zipcode=2&keyboard=3'],
    ['/x?token', '/x?token'],
    ['/x?token=', '/x?token=REDACTED'],
    ['/x?', '/x?'],
    ['/x?=1&&==', '/x?=1&&=='],
    ['http://user:pass@host/x', 'http://REDACTED@host/x'],
    ['//user:pass@host/x', '//REDACTED@host/x'],
    ['/@scope/package', '/@scope/package'],
  ]
  for (const [url, shown] of cases) test(url, () => assert.equal(redactUrl(url), shown))

  test('without the query, all of it goes, and the fragment', () => {
    assert.equal(redactUrl('/x?page=2#a', false), '/x')
    assert.equal(redactUrl('/x#a', false), '/x')
    assert.equal(redactUrl('/x;sid=1?page=2', false), '/x;sid=REDACTED')
  })

  test('a secret never shows, whatever stands around it', () => {
    const around = fc.string({
      unit: fc.constantFrom('a', '?', '&', ';', '#', '=', '%', '/', '@', '%3D', '%3F'),
    })
    fc.assert(
      fc.property(around, around, (before, after) => {
        assert.ok(
          !redactUrl(`/x?${before}&token=S3CRET${after.replaceAll('#', '').replaceAll('&', '')}`).includes(
            'S3CRET',
          ),
        )
      }),
    )
  })

  test('what is hidden once stays as it is', () => {
    fc.assert(
      fc.property(
        fc.array(fc.constantFrom('a', 'token', 'http://u:p@h', '?', '&', ';', '#', '=', '/', '%3D')),
        (pieces) => {
          const once = redactUrl(pieces.join(''))
          assert.equal(redactUrl(once), once)
        },
      ),
    )
  })
})

suite('names of fields', () => {
  for (const name of [
    'Cookie',
    'Set-Cookie',
    'Authorization',
    'Proxy-Authorization',
    'X-Api-Key',
    'x-auth-token',
    'X-CSRF-Token',
    'Private-Token',
    'apikey',
    'X-Amz-Security-Token',
    'Cf-Access-Jwt-Assertion',
    'X-Session-Id',
    'clientSecret',
    'passwd',
  ])
    test(`${name} holds a secret`, () => assert.equal(isSecretField(name), true))
  for (const name of [
    'Host',
    'User-Agent',
    'WWW-Authenticate',
    'Accept',
    'ETag',
    'X-Request-Id',
    'Content-Type',
    'Origin',
    'Retry-After',
    'Keep-Alive',
  ])
    test(`${name} does not`, () => assert.equal(isSecretField(name), false))
})

test('what follows bearer in Sec-WebSocket-Protocol is hidden', () => {
  assert.equal(redactSubprotocol('graphql-ws, bearer, eyJhbGciOi.J9'), 'graphql-ws, bearer REDACTED')
  assert.equal(redactSubprotocol('base64url.Bearer.authorization.k8s.io.QUJD'), 'base64url.Bearer REDACTED')
  assert.equal(redactSubprotocol('graphql-ws'), 'graphql-ws')
})

test('free text loses credentials and keeps the rest', () => {
  assert.equal(redactText('connect redis://me:pw@db:6379 failed'), 'connect redis://REDACTED@db:6379 failed')
  assert.equal(
    redactText('sent Authorization: Bearer eyJhbGciOiJIUzI1NiJ9.x'),
    'sent Authorization: Bearer REDACTED',
  )
  assert.equal(
    redactText('-----BEGIN EC PRIVATE KEY-----\nMHc\n-----END EC PRIVATE KEY-----\nrest'),
    'REDACTED\nrest',
  )
  assert.equal(
    redactText('mail me@example.com at https://example.com/a'),
    'mail me@example.com at https://example.com/a',
  )
})

suite('a copy for the log', () => {
  test('hides by name at every depth, in maps, sets and errors, and keeps counts', () => {
    const error = Object.assign(new Error('at https://a:b@c'), { token: 'x' })
    const copy = redact({
      a: [{ password: 'x', tokens: 3 }],
      m: new Map([['cookie', 'x']]),
      s: new Set(['a']),
      error,
    })
    const { stack, ...rest } = (copy as { error: Record<string, string> }).error
    assert.deepEqual(JSON.parse(JSON.stringify({ ...(copy as object), error: rest })), {
      a: [{ password: 'REDACTED', tokens: 3 }],
      m: { cookie: 'REDACTED' },
      s: ['a'],
      error: { name: 'Error', message: 'at https://REDACTED@c', token: 'REDACTED' },
    })
    assert.ok(stack?.includes('redaction.test.ts'))
  })

  test('ends with circles, depths, and graphs that lead everywhere', () => {
    const circle: Record<string, unknown> = { n: 1n }
    circle.self = circle
    for (let i = 0; i < 200; i++) circle[`c${i}`] = Array(300).fill(circle)
    const began = performance.now()
    assert.ok(JSON.stringify(redact(circle)).length < 400_000)
    assert.ok(performance.now() - began < 15_000)
  })

  test('never throws', () => {
    const hostile = {
      get bad() {
        throw new Error('no')
      },
      proxy: new Proxy({}, { ownKeys: () => assert.fail('no keys') }),
    }
    assert.deepEqual(JSON.parse(JSON.stringify(redact(hostile))), {
      bad: '[unreadable]',
      proxy: '[unreadable]',
    })
    fc.assert(fc.property(fc.anything(), (value) => void JSON.stringify(redact(value))))
  })
})

/**
 * The attack: one request with a query of 2 kB, or a Referer. Each value reached to the end, so that they overlapped, and each
 * was decoded and searched for another address with such values: ten seconds for 2 kB, hours for a whole head. A worker
 * that writes an access log was dead to everybody meanwhile, and then killed because it did not answer.
 */
suite('no text takes long, whatever a client makes of it', () => {
  const units = [
    ';a=%3d%253d%25253d',
    '?b=%3d',
    ';a=%3d',
    ';a=%3d%26',
    '?a=',
    'a.',
    'a://',
    '%3d%253d',
    ';next=%2f%3f%3b',
  ]
  for (const unit of units)
    test(`30 kB of ${unit}`, () => {
      const text = unit.repeat(30_000 / unit.length)
      const began = performance.now()
      redactUrl(`/?${text}`)
      redactUrl(`https://example.com/${text}`)
      redactText(text)
      const took = performance.now() - began
      assert.ok(took < 1_000, `${took} ms`)
    })
  test('and what it would take too long to look into is hidden', () => {
    const deep = Array.from({ length: 40 }).reduce<string>(
      (inner) => `/x?next=${encodeURIComponent(inner)}`,
      '/x?token=hush-hush',
    )
    assert.doesNotMatch(redactUrl(deep.slice(0, 30_000)), /hush/)
    assert.doesNotMatch(redactUrl('/x?a=%3d;token=hush&b=2'), /hush/)
  })
})
