import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { canonicalPath, withoutPathParameters } from './canonical-path.ts'

describe('a path is read in one way', () => {
  const rows: [raw: string, canonical: string, because: string][] = [
    ['/', '/', 'the root'],
    ['/a/b', '/a/b', 'plain'],
    ['/a/b/', '/a/b/', 'a slash at the end is kept: pages are relative to it'],
    ['//close', '/close', 'an empty segment'],
    ['/close//', '/close/', 'an empty segment at the end'],
    ['/./close', '/close', 'a dot segment'],
    ['/open/../close', '/close', 'a dot-dot segment'],
    ['/open/%2e%2e/close', '/close', 'an encoded dot-dot segment'],
    ['/open/%2E./close', '/close', 'half encoded'],
    ['/a/..', '/', 'back to the root'],
    ['/a/.', '/a/', 'a dot at the end'],
    ['/%63lose', '/close', 'an encoded letter'],
    ['/%7Euser', '/~user', 'an encoded tilde'],
    ['/a%20b', '/a%20b', 'a blank stays encoded'],
    ['/%c3%a9', '/%C3%A9', 'UTF-8, hex in capitals (RFC 3986 §6.2.2.1)'],
    ['/.well-known/x', '/.well-known/x', 'a dot file is no dot segment'],
    ['/...', '/...', 'three dots are a name'],
    ['/a;p=1/b', '/a;p=1/b', 'parameters stay; the match decides whether they are harmless'],
    ['/100%25', '/100%25', 'a percent sign that starts nothing'],
    ['/X', '/X', 'case is kept'],
  ]
  for (const [raw, canonical, because] of rows) {
    test(`${raw} is ${canonical}: ${because}`, () => assert.equal(canonicalPath(raw), canonical))
  }
})

describe('a path that two readers could take differently is refused', () => {
  const rows: [raw: string, because: string][] = [
    ['', 'empty'],
    ['*', 'no path'],
    ['a', 'not from the root'],
    ['/..', 'above the root'],
    ['/a/../../b', 'above the root by a detour'],
    ['/%2e%2e/b', 'above the root, encoded'],
    ['/a%2fb', 'an encoded slash'],
    ['/a%2Fb', 'an encoded slash in capitals'],
    ['/a%5cb', 'an encoded backslash'],
    ['/a\\b', 'a backslash'],
    ['/a%00', 'a null byte'],
    ['/x%0d%0aSet-Cookie:x', 'a line break'],
    ['/a%7f', 'a delete character'],
    ['/%2563lose', 'a second layer of encoding'],
    ['/%252e%252e/x', 'a second layer around dots'],
    ['/%', 'a percent sign alone'],
    ['/%4', 'a cut escape'],
    ['/%zz', 'no hex'],
    ['/%c0%af', 'an overlong slash'],
    ['/%e0%80%af', 'an overlong slash in three bytes'],
    ['/%ff', 'no UTF-8'],
    ['/%ef%bc%8f', 'a full-width solidus'],
    ['/x/%ef%bc%8e%ef%bc%8e/y', 'full-width dots'],
    ['/x/..;/y', 'a dot-dot with parameters'],
    ['/x/.;a/y', 'a dot with parameters'],
    ['/;a/y', 'nothing but parameters'],
    ['/x#y', 'a fragment'],
    ['/a b', 'a blank'],
    ['/\u00e9', 'a raw byte'],
  ]
  for (const [raw, because] of rows) {
    test(`${JSON.stringify(raw)}: ${because}`, () => assert.equal(canonicalPath(raw), undefined))
  }
})

describe('whatever is sent', () => {
  const piece = fc.oneof(
    fc.constantFrom(
      '/',
      '//',
      '.',
      '..',
      '%2e',
      '%2E%2e',
      ';',
      ';a',
      '%2f',
      '%25',
      '%63',
      'close',
      'open',
      '%c3%a9',
      '\\',
      '?',
      '%',
    ),
    fc.string({ maxLength: 3 }),
  )
  const path = fc.array(piece, { maxLength: 8 }).map((pieces) => `/${pieces.join('')}`)

  test('the canonical form is its own canonical form', () => {
    fc.assert(
      fc.property(path, (raw) => {
        const canonical = canonicalPath(raw)
        if (canonical !== undefined) assert.equal(canonicalPath(canonical), canonical)
      }),
      { numRuns: 20_000 },
    )
  })

  test('the WHATWG parser reads the canonical form as itself, so the upstream does not walk elsewhere', () => {
    fc.assert(
      fc.property(path, (raw) => {
        const canonical = canonicalPath(raw)
        if (canonical === undefined || canonical.includes('?')) return
        const { pathname } = new URL(`http://h${canonical}`)
        assert.equal(decodeURIComponent(pathname), decodeURIComponent(canonical))
        assert.equal(pathname.split('/').length, canonical.split('/').length)
      }),
      { numRuns: 20_000 },
    )
  })

  test('no segment of the canonical form is empty, a dot, or a dot-dot, decoded once or twice', () => {
    fc.assert(
      fc.property(path, (raw) => {
        const segments = canonicalPath(raw)?.split('/').slice(1, -1) ?? []
        for (const segment of segments) {
          const once = decodeURIComponent(segment)
          assert.ok(!['', '.', '..'].includes(once), segment)
          assert.ok(!/[/\\]/.test(once), segment)
        }
      }),
      { numRuns: 20_000 },
    )
  })
})

test('path parameters are cut off every segment', () => {
  assert.equal(withoutPathParameters('/a;b=1/c;d'), '/a/c')
  assert.equal(withoutPathParameters('/a/c'), '/a/c')
})
