import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { sampleFacts } from '../../../test/harness/facts.ts'
import type { Exchange } from '../exchange.ts'
import type { Route } from '../match/route.ts'
import type { ResponseHeaders } from '../policies/policy.ts'
import { rewriteResponse, upstreamPath } from './rewrite.ts'

const routeWith = (prefix: string, host = 'keep') =>
  ({ config: { forward: { prefix, host } } }) as unknown as Route
const facts = (path: string, query = '') =>
  sampleFacts({ path, query, host: 'outside.example', authority: 'outside.example:8443' })

describe('the path that the upstream is asked for', () => {
  const rows: [rule: string, path: string, prefix: string, asked: string][] = [
    ['keep', '/app/x', '/app', '/app/x?q'],
    ['strip', '/app/x', '/app', '/x?q'],
    ['strip', '/app', '/app', '/?q'],
    ['strip', '/app/', '/app', '/?q'],
    ['strip', '/x', '', '/x?q'],
    ['/other', '/app/x', '/app', '/other/x?q'],
    ['/other/', '/app', '/app', '/other?q'],
    ['/', '/app/x', '/app', '/x?q'],
  ]
  for (const [rule, path, prefix, asked] of rows) {
    test(`${path} with ${prefix || 'no prefix'} and ${rule} is ${asked}`, () =>
      assert.equal(upstreamPath(routeWith(rule), facts(path, '?q'), prefix), asked))
  }
})

function rewritten(rule: string, headers: ResponseHeaders, host = 'keep'): ResponseHeaders {
  const exchange = {
    prefix: '/app',
    upstreamTarget: { address: { authority: '127.0.0.1:3000' } },
  } as unknown as Exchange
  rewriteResponse(exchange, routeWith(rule, host), facts('/app/x'), headers)
  return headers
}

describe('a Location follows', () => {
  const rows: [rule: string, said: string, heard: string][] = [
    ['strip', '/login', '/app/login'],
    ['strip', '/', '/app/'],
    ['strip', 'login', 'login'],
    ['strip', '//other.example/x', '//other.example/x'],
    ['strip', 'https://other.example/login', 'https://other.example/login'],
    ['strip', 'http://127.0.0.1:3000/login?x', 'https://outside.example:8443/app/login?x'],
    ['strip', 'http://outside.example:8443/login', 'https://outside.example:8443/app/login'],
    ['strip', 'http://127.0.0.1:3000', 'https://outside.example:8443/app/'],
    ['keep', '/app/login', '/app/login'],
    ['keep', 'http://127.0.0.1:3000/app/', 'https://outside.example:8443/app/'],
    ['/inner', '/inner/login', '/app/login'],
    ['/inner', '/inner', '/app'],
    ['/inner', '/elsewhere', '/elsewhere'],
    ['/inner', '/innermost', '/innermost'],
  ]
  for (const [rule, said, heard] of rows) {
    test(`${said} with ${rule} is ${heard}`, () =>
      assert.equal(rewritten(rule, { location: said }).location, heard))
  }
})

describe('a cookie follows', () => {
  const rows: [rule: string, host: string, said: string, heard: string][] = [
    ['strip', 'keep', 'a=1; Path=/; HttpOnly', 'a=1; Path=/app/; HttpOnly'],
    ['strip', 'keep', 'a=path=/x; Path=/x', 'a=path=/x; Path=/app/x'],
    ['strip', 'keep', 'a=1', 'a=1'],
    ['keep', 'keep', 'a=1; Path=/', 'a=1; Path=/'],
    ['/inner', 'keep', 'a=1; path=/inner', 'a=1; Path=/app'],
    ['keep', 'target', 'a=1; Domain=127.0.0.1:3000; Path=/', 'a=1; Path=/'],
  ]
  for (const [rule, host, said, heard] of rows) {
    test(`${said} with ${rule} is ${heard}`, () => {
      assert.deepEqual([rewritten(rule, { 'set-cookie': said }, host)['set-cookie']].flat(), [heard])
    })
  }
})
