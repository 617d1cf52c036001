import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseHtpasswd } from './htpasswd.ts'

const sha = '{SHA}L55TUjtiq8FBorTWAZ0jy6g129A='

test('blank lines, comments, Windows line ends and a trailing comment field are read over', () => {
  const users = parseHtpasswd(
    Buffer.from(`# people\r\n\r\nalice:${sha}\r\nbob:${sha}:Bob from IT\n  \n`),
    'f',
  )
  assert.deepEqual([...users.keys()], ['alice', 'bob'])
})

test('names are UTF-8 and compared in NFC', () => {
  const users = parseHtpasswd(Buffer.from(`ju\u0308rgen:${sha}\n李:${sha}\n`), 'f')
  assert.deepEqual([...users.keys()], ['j\u00fcrgen', '李'])
})

const refused: readonly [what: string, content: string | Buffer, message: RegExp][] = [
  ['nothing', '', /^f holds no user; `gatehouse hash NAME --file f` adds one$/],
  ['only comments', '# alice\n', /holds no user/],
  ['a line without a colon', `bob:${sha}\nswordfish\n`, /^f:2: is no line of the form name:hash$/],
  ['an empty name', `:${sha}`, /^f:1: has no name/],
  ['a name with a control character', `al\tice:${sha}`, /^f:1: has no name, or one with control characters/],
  ['a user twice', `a:${sha}\na:${sha}`, /^f:2: "a" stands here a second time/],
  ['a user twice in two normal forms', `\u00e9:${sha}\ne\u0301:${sha}`, /^f:2: .* a second time/],
  ['bytes that are not UTF-8', Buffer.from([0x61, 0x3a, 0xff]), /^f is not UTF-8 text$/],
  [
    'plain text',
    'alice:swordfish',
    /^f:1: the password of "alice" is plain text; make the line anew with `gatehouse hash alice --file f`$/,
  ],
  [
    'DES crypt',
    'alice:rqXexS6ZhobKA',
    /^f:1: the password of "alice" is a DES crypt hash, or plain text; make/,
  ],
]
for (const [what, content, message] of refused) {
  test(`${what} is refused with its line`, () => {
    assert.throws(() => parseHtpasswd(Buffer.from(content), 'f'), { message })
  })
}

test('all bad lines are named at once, and no password with them', () => {
  assert.throws(
    () => parseHtpasswd(Buffer.from(`alice:swordfish\nbob:${sha}\nhunter2\n`), 'f'),
    (error: Error) => /^f:1: .*\nf:3: /.test(error.message) && !/swordfish|hunter2/.test(error.message),
  )
})
