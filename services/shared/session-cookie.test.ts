import assert from 'node:assert/strict'
import { test } from 'node:test'
import { refuseForeign, sessionCookie } from './session-cookie.ts'

const key = 'for-tests-only-for-tests-only-for-tests'
const sessions = sessionCookie({ name: 'house', key, life: 60 })
const pairOf = (field: string) => field.split(';')[0] ?? ''
const whose = (cookie: string, by = sessions) => by.subjectOf({ headers: { cookie } })

test('a session is whose it was issued for, until it is over', () => {
  const field = sessions.issue('ada@example.com')
  assert.match(field, /^__Host-house=[\w.-]+; Max-Age=60; Path=\/; Secure; HttpOnly; SameSite=Strict$/)
  assert.equal(whose(`other=1; ${pairOf(field)}; more=2`), 'ada@example.com')
  const over = sessionCookie({ name: 'house', key, life: -1 })
  assert.equal(whose(pairOf(over.issue('ada'))), undefined)
})

test('one that was changed, signed by another key, or meant for another service is nobody’s', () => {
  const cookie = pairOf(sessions.issue('ada'))
  const [name = '', value = ''] = cookie.split('=')
  const [, ends = '', signature = ''] = value.split('.')
  const forged = [
    `${name}=${Buffer.from('admin').toString('base64url')}.${ends}.${signature}`,
    `${name}=${value.replace(ends, String(Number(ends) + 9_999))}`,
    `${name}=${value.slice(0, -2)}`,
    `${name}=..`,
    `${name}=`,
    value,
    '',
  ]
  for (const each of forged) assert.equal(whose(each), undefined, each)
  assert.equal(whose(cookie, sessionCookie({ name: 'house', key: `${key}!`, life: 60 })), undefined)
  const other = sessionCookie({ name: 'garden', key, life: 60 })
  assert.equal(whose(cookie.replace('house', 'garden'), other), undefined)
})

test('what a page of another origin sends changes nothing', () => {
  const host = 'a.example.com'
  const refused = (headers: Record<string, string>, method = 'POST') => {
    try {
      refuseForeign({ method, headers: { host, ...headers } })
      return false
    } catch {
      return true
    }
  }
  const rows: [headers: Record<string, string>, isRefused: boolean][] = [
    [{ 'sec-fetch-site': 'same-origin' }, false],
    [{ 'sec-fetch-site': 'same-site' }, true],
    [{ 'sec-fetch-site': 'cross-site' }, true],
    [{ 'sec-fetch-site': 'none' }, true],
    [{ origin: 'https://a.example.com' }, false],
    [{ origin: 'https://b.example.com' }, true],
    [{ origin: 'null' }, true],
    [{}, false],
  ]
  for (const [headers, isRefused] of rows) {
    assert.equal(refused(headers), isRefused, JSON.stringify(headers))
    assert.equal(refused(headers, 'GET'), false)
  }
})
