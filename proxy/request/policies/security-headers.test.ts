import assert from 'node:assert/strict'
import { test } from 'node:test'
import { sampleFacts } from '../../../test/harness/facts.ts'
import { readOptions, sampleHead } from '../../../test/harness/policies.ts'
import type { ResponseHead } from './policy.ts'
import { securityHeaders } from './security-headers.ts'

const build = (written: unknown) => securityHeaders(readOptions('securityHeaders', written))

/** As `respond` does it: first the fixed fields, then the edit. */
function send(written: unknown, upstream: ResponseHead = sampleHead(), secure = true) {
  const policy = build(written)
  for (const [name, value] of policy.fixedHeaders ?? []) upstream.headers[name] = value
  policy.editResponse?.(sampleFacts({ secure }), upstream)
  return { ...upstream.headers }
}

test('`true` sends what breaks no application, and no Content-Security-Policy', () => {
  assert.deepEqual(send(true), {
    'cross-origin-opener-policy': 'same-origin-allow-popups',
    'cross-origin-resource-policy': 'same-site',
    'origin-agent-cluster': '?1',
    'referrer-policy': 'strict-origin-when-cross-origin',
    'strict-transport-security': 'max-age=31536000; includeSubDomains',
    'x-content-type-options': 'nosniff',
    'x-dns-prefetch-control': 'off',
    'x-download-options': 'noopen',
    'x-frame-options': 'SAMEORIGIN',
    'x-permitted-cross-domain-policies': 'none',
    'x-xss-protection': '0',
  })
})

test('Strict-Transport-Security goes over encrypted connections only, ours and the upstream’s', () => {
  const upstream = sampleHead({ 'strict-transport-security': 'max-age=1' })
  assert.equal(send(true, upstream, false)['strict-transport-security'], undefined)
  assert.equal(send({ hsts: false })['strict-transport-security'], undefined)
  assert.equal(
    send({ hsts: { maxAge: '1h', includeSubDomains: false, preload: true } })['strict-transport-security'],
    'max-age=3600; preload',
  )
})

const frames: [frame: string, field: string | undefined, directive: string | undefined][] = [
  ['deny', 'DENY', "default-src 'self';frame-ancestors 'none'"],
  ['same-origin', 'SAMEORIGIN', "default-src 'self';frame-ancestors 'self'"],
  ['any', undefined, "default-src 'self'"],
]
for (const [frame, field, directive] of frames) {
  test(`frame: ${frame} says so in both fields that browsers read`, () => {
    const fields = send({ frame, contentSecurityPolicy: { 'default-src': ["'self'"] } })
    assert.equal(fields['x-frame-options'], field)
    assert.equal(fields['content-security-policy'], directive)
  })
}

test('a Content-Security-Policy is sent as it stands in routes.yaml', () => {
  const stated = { scriptSrc: ["'self'", 'https://cdn.test'], frameAncestors: ['https://portal.test'] }
  assert.equal(
    send({ contentSecurityPolicy: stated })['content-security-policy'],
    "script-src 'self' https://cdn.test;frame-ancestors https://portal.test",
  )
  assert.equal(send({ contentSecurityPolicy: false })['content-security-policy'], undefined)
})

const crossOrigin: [
  value: string,
  resource: string,
  opener: string | undefined,
  embedder: string | undefined,
][] = [
  ['isolate', 'same-origin', 'same-origin', 'require-corp'],
  ['same-site', 'same-site', 'same-origin-allow-popups', undefined],
  ['any', 'cross-origin', undefined, undefined],
]
for (const [value, resource, opener, embedder] of crossOrigin) {
  test(`crossOrigin: ${value}`, () => {
    const fields = send({ crossOrigin: value })
    assert.equal(fields['cross-origin-resource-policy'], resource)
    assert.equal(fields['cross-origin-opener-policy'], opener)
    assert.equal(fields['cross-origin-embedder-policy'], embedder)
  })
}

test('Permissions-Policy says for each feature who may use it, and is not sent where nothing is said', () => {
  const permissionsPolicy = {
    camera: [],
    geolocation: ['self', 'https://maps.test'],
    fullscreen: ['*'],
  }
  assert.equal(
    send({ permissionsPolicy })['permissions-policy'],
    'camera=(), geolocation=(self "https://maps.test"), fullscreen=*',
  )
  assert.equal(send(true)['permissions-policy'], undefined)
  for (const wrong of [
    { 'Camera;': [] },
    { camera: ['"self"'] },
    { camera: ['a.test'] },
    { camera: ['https://a/"'] },
  ])
    assert.throws(() => build({ permissionsPolicy: wrong }))
})

test('ours replace what the upstream sent, and what it runs on is not told', () => {
  const fields = send(true, sampleHead({ 'x-frame-options': 'ALLOWALL', 'x-powered-by': 'Flask', etag: '1' }))
  assert.equal(fields['x-frame-options'], 'SAMEORIGIN')
  assert.equal(fields['x-powered-by'], undefined)
  assert.equal(fields.etag, '1')
})

test('with `override: false` what the upstream sent stays, and the rest is filled in', () => {
  const fields = send({ override: false }, sampleHead({ 'x-frame-options': 'DENY', 'x-powered-by': 'Flask' }))
  assert.equal(fields['x-frame-options'], 'DENY')
  assert.equal(fields['x-powered-by'], 'Flask')
  assert.equal(fields['x-content-type-options'], 'nosniff')
  assert.equal(fields['strict-transport-security'], 'max-age=31536000; includeSubDomains')
  assert.equal(send({ override: false }, sampleHead(), false)['strict-transport-security'], undefined)
})

test('a directive that helmet does not take is refused', () => {
  const unquoted = { contentSecurityPolicy: { 'script-src': ['unsafe-inline'] } }
  assert.throws(() => build(unquoted), { message: /is a word that browsers know with single quotes alone/ })
})
