import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { canonicalHost } from './canonical-host.ts'

describe('a host is read in one way', () => {
  const rows: [said: string, host: string][] = [
    ['example.com', 'example.com'],
    ['EXAMPLE.com:8443', 'example.com'],
    ['example.com.', 'example.com'],
    ['example.com.:80', 'example.com'],
    ['127.0.0.1:8080', '127.0.0.1'],
    ['[::1]', '[::1]'],
    ['[2001:DB8::1]:8443', '[2001:db8::1]'],
    ['xn--bcher-kva.example', 'xn--bcher-kva.example'],
    ['my_host', 'my_host'],
  ]
  for (const [said, host] of rows) test(`${said} is ${host}`, () => assert.equal(canonicalHost(said), host))
})

describe('what is no host is refused', () => {
  const rows = [
    '',
    '.',
    '..',
    'a..b',
    'a..',
    'a...',
    '.a',
    ':80',
    'a:b',
    'a:999999',
    'user@a',
    'a/b',
    'a b',
    'a,b',
    'a?b',
    'bücher',
    '[::1',
    '::1',
    'a\\b',
    'a'.repeat(254),
    'a'.repeat(300),
  ]
  for (const said of rows)
    test(JSON.stringify(said.slice(0, 20)), () => assert.equal(canonicalHost(said), undefined))
})
