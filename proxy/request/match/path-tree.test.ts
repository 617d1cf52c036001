import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { createPathTree, type Params } from './path-tree.ts'

function treeOf(...patterns: (string | [pattern: string, exact: boolean])[]) {
  const tree = createPathTree<string>()
  for (const pattern of patterns) {
    const [text, exact] = typeof pattern === 'string' ? [pattern, false] : pattern
    tree.add(text, exact, text)
  }
  return {
    find: (path: string) => tree.find(path, () => true),
    look(path: string) {
      let seen: { params: Params; prefix: string } | undefined
      tree.find(path, (_entry, params, end) => {
        seen = { params, prefix: path.slice(0, end) }
        return true
      })
      return seen
    },
    tree,
  }
}

describe('a path finds its pattern', () => {
  const { find } = treeOf('/', '/close', '/close/inner', '/desktop/:key', '/desktop/list', ['/only', true])
  const rows: [path: string, pattern: string][] = [
    ['/', '/'],
    ['/close', '/close'],
    ['/close/', '/close'],
    ['/close/x', '/close'],
    ['/closet', '/'],
    ['/close/inner/x', '/close/inner'],
    ['/desktop/alice', '/desktop/:key'],
    ['/desktop/list', '/desktop/list'],
    ['/desktop/list/x', '/desktop/list'],
    ['/desktop', '/'],
    ['/desktop/', '/'],
    ['/only', '/only'],
    ['/only/x', '/'],
  ]
  for (const [path, pattern] of rows) test(`${path} is ${pattern}`, () => assert.equal(find(path), pattern))
})

test('where the longer pattern is not accepted, the next in order is asked', () => {
  const { tree } = treeOf('/', '/a', '/a/b')
  assert.equal(
    tree.find('/a/b/c', (entry) => entry !== '/a/b'),
    '/a',
  )
})

test('parameters and the matched prefix are told', () => {
  const { look } = treeOf('/desktop/:key', '/:team/:user/files')
  assert.deepEqual(look('/desktop/alice/x'), { params: { key: 'alice' }, prefix: '/desktop/alice' })
  assert.deepEqual(look('/red/bob/files/'), {
    params: { team: 'red', user: 'bob' },
    prefix: '/red/bob/files',
  })
})

test('the root pattern takes no prefix', () => {
  assert.deepEqual(treeOf('/').look('/x/y'), { params: {}, prefix: '' })
})

test('a pattern named like a property of objects is only a name', () => {
  const { find, look } = treeOf('/__proto__', '/:constructor/x')
  assert.equal(find('/__proto__/y'), '/__proto__')
  assert.equal(look('/a/x')?.params.constructor, 'a')
})

test('the tree finds what a search through all patterns finds', () => {
  const segment = fc.constantFrom('a', 'b', ':x')
  const patterns = fc.uniqueArray(
    fc.array(segment, { maxLength: 3 }).map((parts) => `/${parts.join('/')}`),
    { minLength: 1, maxLength: 8, selector: (pattern) => pattern.replaceAll(':x', ':') },
  )
  const paths = fc
    .array(fc.constantFrom('a', 'b', 'c'), { maxLength: 4 })
    .map((parts) => `/${parts.join('/')}`)
  fc.assert(
    fc.property(patterns, paths, (all, path) => {
      const fitting = all.filter((pattern) => {
        const wanted = pattern.split('/').filter(Boolean)
        const given = path.split('/').filter(Boolean)
        return (
          wanted.length <= given.length &&
          wanted.every((part, index) => part === ':x' || part === given[index])
        )
      })
      const best = fitting.sort((one, other) => (rank(one) < rank(other) ? -1 : 1))[0]
      assert.equal(treeOf(...all).find(path), best)
    }),
    { numRuns: 5_000 },
  )
  // A written segment sorts before `:x`, and a longer pattern before its own beginning.
  function rank(pattern: string): string {
    return `${pattern
      .split('/')
      .filter(Boolean)
      .map((part) => (part === ':x' ? '1' : '0'))
      .join('')}2`
  }
})
