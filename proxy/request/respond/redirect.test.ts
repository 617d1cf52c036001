import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { createRedirect, listenerRedirect, localLocation } from './redirect.ts'

describe('the redirect of a route', () => {
  const rows: [target: string, path: string, query: string, location: string][] = [
    ['https://new.example.com{path}{query}', '/a/b', '?c=d', 'https://new.example.com/a/b?c=d'],
    ['https://new.example.com/{path}', '/a', '?c=d', 'https://new.example.com/a'],
    ['https://new.example.com:8443/x{path}', '/', '', 'https://new.example.com:8443/x/'],
    ['https://new.example.com', '/a', '?b', 'https://new.example.com'],
    ['https://new.example.com{query}', '/a', '?b', 'https://new.example.com?b'],
    ['/new{path}{query}', '/a', '?b=1', '/new/a?b=1'],
    ['/new', '/a', '?b=1', '/new'],
    ['/search?from=old{query}', '/', '?q=x', '/search?from=old&q=x'],
    ['/search?path={path}', '/a', '', '/search?path=/a'],
    ['{path}', '/a', '', '/a'],
    ['/{path}', '/a', '', '/a'],
    ['/x{query}', '/a', '', '/x'],
    ['/x{query}', '/a', '?', '/x'],
    ['{path}{query}', '/a', '?u=https://b?c', '/a?u=https://b?c'],
  ]
  for (const [target, path, query, location] of rows) {
    test(`${target} of ${path}${query} is ${location}`, () => {
      assert.equal(createRedirect(target)({ path, query }), location)
    })
  }

  test('stays on its host whatever the path is', () => {
    for (const path of [
      '//evil.example',
      '/\\evil.example',
      '\\/evil',
      '///evil',
      '/@evil.example',
      '.evil',
      ':80',
    ]) {
      assert.equal(hostOf(createRedirect('{path}')({ path, query: '' })), 'here.example')
      assert.equal(hostOf(createRedirect('/{path}')({ path, query: '' })), 'here.example')
      assert.equal(hostOf(createRedirect('https://new.example{path}')({ path, query: '' })), 'new.example')
      assert.equal(hostOf(localLocation(path, '')), 'here.example')
    }
  })

  test('stays on its host, and one line, for anything at all', () => {
    const targets = ['{path}{query}', '/x{path}{query}', '{path}?a={query}'].map(createRedirect)
    const away = createRedirect('https://new.example{path}{query}')
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), fc.string({ unit: 'binary' }), (path, query) => {
        for (const redirect of targets) {
          const location = redirect({ path: `/${path}`, query })
          assert.match(location, /^\/(?![/\\])[\x21-\x7e]*$/)
          assert.equal(hostOf(location), 'here.example')
        }
        assert.equal(hostOf(away({ path, query })), 'new.example')
      }),
    )
  })

  test('encodes what would end the field', () => {
    assert.equal(
      createRedirect('{path}')({ path: '/a\r\nset-cookie: x', query: '' }),
      '/a%0D%0Aset-cookie:%20x',
    )
    assert.equal(localLocation('/\u00e9', '?b=\u0142#c'), '/%E9?b=%C5%82%23c')
  })

  const refused: [target: string, because: RegExp][] = [
    ['//evil.example{path}', /neither a path/],
    ['/\\evil.example', /neither a path/],
    ['new{path}', /neither a path/],
    ['{query}', /neither a path/],
    ['javascript:alert(1)', /neither a path/],
    ['ftp://example.com/', /neither a path/],
    ['https://{path}', /neither a path/],
    ['https://example.com:{path}', /neither a path/],
    ['https://user@example.com{path}', /neither a path/],
    ['https://exa mple.com', /blanks/],
    ['/a\r\nb', /blanks/],
    ['/a{host}', /\{host\} is neither/],
    ['/a{path', /\{path is neither/],
    ['/a#{path}', /behind #/],
    ['', /blanks/],
  ]
  for (const [target, because] of refused) {
    test(`${JSON.stringify(target)} is refused when the table is built`, () => {
      assert.throws(() => createRedirect(target), because)
    })
  }
})

describe('the redirect to the encrypted listener', () => {
  const asked = (host: string) => ({ host, path: '/a', query: '?b' })

  const rows: [host: string, port: number, location: string][] = [
    ['example.com', 8443, 'https://example.com:8443/a?b'],
    ['example.com', 443, 'https://example.com/a?b'],
    ['[2001:db8::1]', 443, 'https://[2001:db8::1]/a?b'],
    ['203.0.113.7', 8443, 'https://203.0.113.7:8443/a?b'],
    ['my_host', 443, 'https://my_host/a?b'],
  ]
  for (const [host, port, location] of rows) {
    test(`of ${host} to port ${port} is 308 ${location}`, () => {
      const { status, headers } = listenerRedirect(asked(host), port)
      assert.equal(status, 308)
      assert.equal(headers.location, location)
    })
  }

  test('stays on its host whatever the path is', () => {
    const { headers } = listenerRedirect({ host: 'here.example', path: '//evil.example/..', query: '' }, 443)
    assert.equal(hostOf(String(headers.location)), 'here.example')
  })

  const hosts = [
    '',
    'e/',
    'a@b',
    'a b',
    'a:1',
    'a\r\nb',
    'EXAMPLE.com',
    '-a',
    'a.',
    '[::1',
    'a?b',
    'a#b',
    '\u00e4',
  ]
  for (const host of hosts) {
    test(`is refused for the host ${JSON.stringify(host)}`, () => {
      assert.throws(() => listenerRedirect(asked(host), 8443), { code: 'host_invalid' })
    })
  }
})

function hostOf(location: string): string {
  return new URL(location, 'https://here.example/x').hostname
}
