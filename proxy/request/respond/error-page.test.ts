import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { describe, test } from 'node:test'
import { type ErrorCode, type ErrorEntry, errors } from '../../errors.ts'
import { type ErrorDetails, prefersHtml, renderError } from './error-page.ts'

const codes = Object.keys(errors) as ErrorCode[]
const entryOf = (code: ErrorCode): ErrorEntry => errors[code]
const html = (code: ErrorCode, details: Partial<ErrorDetails> = {}) => {
  const { body, ...rest } = renderError(code, { html: true, requestId: 'req-1', ...details })
  return { ...rest, text: body.toString() }
}
const json = (code: ErrorCode, details: Partial<ErrorDetails> = {}) => {
  const { body, ...rest } = renderError(code, { html: false, requestId: 'req-1', ...details })
  return { ...rest, problem: JSON.parse(body.toString()) as Record<string, unknown> }
}

describe('an error page', () => {
  test('of every code has its status, says what happened and quotes the request id', () => {
    for (const code of codes) {
      const { status, headers, text } = html(code)
      assert.equal(status, errors[code].status)
      assert.equal(headers['content-type'], 'text/html; charset=utf-8')
      assert.equal(headers['cache-control'], 'no-store')
      assert.equal(headers['x-content-type-options'], 'nosniff')
      assert.equal(headers['content-length'], String(Buffer.byteLength(text)))
      assert.match(text, /^<!doctype html><html lang="en" /)
      assert.ok(text.includes(`<p>${errors[code].text}</p>`), code)
      assert.ok(text.includes('<code>req-1</code>'), code)
    }
  })

  test('needs nothing from anywhere, and its own policy allows its own style', () => {
    for (const code of codes) {
      const { headers, text } = html(code)
      assert.doesNotMatch(text, /<script|<link|<img|<iframe|src=|url\(|@import|https?:|style=| on\w+=/i)
      const style = /<style>(.*)<\/style>/s.exec(text)?.[1] ?? ''
      const hash = createHash('sha256').update(style).digest('base64')
      assert.ok(headers['content-security-policy']?.includes(`style-src 'sha256-${hash}'`))
      assert.ok(headers['content-security-policy']?.startsWith("default-src 'none'"))
    }
  })

  test('of a service that is away names it and comes again by itself', () => {
    const { headers, text } = html('upstream_away', { service: 'photos', retryAfter: 7 })
    assert.equal(headers['retry-after'], '7')
    assert.ok(text.includes('<meta http-equiv="refresh" content="7">'))
    assert.ok(text.includes('The service <strong><bdi>photos</bdi></strong> is away.'))
    assert.ok(text.includes('tries again by itself in 7 seconds'))
  })

  test('refreshes for a 503 that is worth it, and for nothing else', () => {
    for (const code of codes) {
      const entry = entryOf(code)
      const waits = entry.status === 503 && entry.retryable
      assert.equal(html(code).text.includes('http-equiv="refresh"'), waits, code)
      assert.equal(html(code).headers['retry-after'] !== undefined, waits, code)
    }
    const limited = html('rate_limited', { retryAfter: 30 })
    assert.equal(limited.headers['retry-after'], '30')
    assert.ok(!limited.text.includes('http-equiv'))
  })

  test('never asks for a storm of requests', () => {
    for (const retryAfter of [0, -5, 0.2]) {
      assert.equal(html('upstream_away', { retryAfter }).headers['retry-after'], '1')
    }
    assert.equal(html('upstream_away', { retryAfter: Number.NaN }).headers['retry-after'], '5')
    assert.equal(html('upstream_away', { retryAfter: Number.POSITIVE_INFINITY }).headers['retry-after'], '5')
  })

  test('shows the message of a maintenance instead of the public text', () => {
    const { text } = html('maintenance', { message: 'New shelves until noon.', retryAfter: 300 })
    assert.ok(text.includes('<p>New shelves until noon.</p>'))
    assert.ok(!text.includes(errors.maintenance.text))
    assert.ok(text.includes('in 5 minutes'))
  })

  const hostile = [
    '<script>alert(1)</script>',
    '"><img src=x onerror=alert(1)>',
    "' onmouseover='alert(1)",
    '</code></main><h1>Owned</h1>',
    '</title><style>*{display:none}</style>',
    '&lt;b&gt;',
    '$& $1 $` $$ %s',
    'a\u0000b\u001b[31m\r\nset-cookie: x=1',
    '\u202eevil\u2066',
    '{service}',
  ]
  for (const evil of hostile) {
    test(`stays one page with ${JSON.stringify(evil)} as id, service or message`, () => {
      for (const details of [{ requestId: evil }, { service: evil }, { message: evil }]) {
        const { text, headers } = html('upstream_away', details)
        const plain = html('upstream_away', { service: 'x' }).text
        assert.equal(text.match(/</g)?.length ?? 0, expectedTags(plain, details), 'no tag was added')
        // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
        assert.doesNotMatch(text, /[\u0000-\u0008\u000b\u000c\u000e-\u001f\u202a-\u202e\u2066-\u2069]/)
        assert.ok(!JSON.stringify(headers).includes('set-cookie'))
      }
    })
  }
  function expectedTags(withService: string, details: Partial<ErrorDetails>): number {
    const tags = withService.match(/</g)?.length ?? 0
    return details.service === undefined ? tags - 4 : tags
  }
})

describe('a problem for programs', () => {
  test('of every code has the members of RFC 9457, and ours', () => {
    for (const code of codes) {
      const { status, headers, problem } = json(code)
      assert.equal(status, errors[code].status)
      assert.equal(headers['content-type'], 'application/problem+json')
      assert.equal(headers['cache-control'], 'no-store')
      assert.equal(headers['content-security-policy'], "default-src 'none'; frame-ancestors 'none'")
      assert.equal(problem.type, `urn:gatehouse:error:${code}`)
      assert.equal(problem.status, errors[code].status)
      assert.equal(problem.code, code)
      assert.equal(problem.detail, errors[code].text)
      assert.equal(problem.retryable, errors[code].retryable)
      assert.equal(problem.request_id, 'req-1')
      assert.equal(typeof problem.title, 'string')
    }
  })

  test('of a service that is away names it and says when to come back', () => {
    const { headers, problem } = json('upstream_refused', { service: 'camera', retryAfter: 3 })
    assert.equal(problem.service, 'camera')
    assert.equal(problem.detail, 'The service camera does not accept connections.')
    assert.equal(problem.retry_after, 3)
    assert.equal(headers['retry-after'], '3')
  })

  test('holds hostile text as text', () => {
    const evil = '","status":200,"x":"\u2028</script>\ud800'
    const { problem } = json('upstream_away', { requestId: evil, service: evil })
    assert.equal(problem.status, 503)
    assert.equal(problem.service, evil)
    assert.equal(problem.request_id, evil)
  })
})

describe('HTML is preferred', () => {
  const rows: [accept: string | undefined, html: boolean, who: string][] = [
    ['text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8', true, 'a browser'],
    ['TEXT/HTML', true, 'capitals'],
    ['text/html;level=1;q=0.4, application/json;q=0.3', true, 'a parameter before the weight'],
    ['application/json, text/html', true, 'both alike'],
    ['*/*', false, 'curl and fetch'],
    [undefined, false, 'no field'],
    ['', false, 'an empty field'],
    ['application/json', false, 'an API client'],
    ['application/json, text/html;q=0.5', false, 'JSON first'],
    ['text/html;q=0', false, 'HTML refused'],
    ['text/html;q=abc', false, 'a weight that is none'],
    ['text/htmlx, xtext/html', false, 'a part of the name'],
    ['image/avif,image/webp,*/*', false, 'an image'],
  ]
  for (const [accept, expected, who] of rows) {
    test(`${expected ? 'by' : 'not by'} ${who}`, () => assert.equal(prefersHtml(accept), expected))
  }
})
