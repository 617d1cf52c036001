import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Algorithm, hashPassword, parsePasswordHash } from './password-hash.ts'

// Made by others: crypt(3), openssl passwd, Python's hashlib, the test vectors of the Argon2 reference.
const foreign: readonly [form: string, password: string, hash: string][] = [
  ['bcrypt', 'correct horse', '$2y$04$abcdefghijklmnopqrstuujydOTSfIH/d5oUHpsygqV5X9xJLQc6e'],
  ['bcrypt', 'correct horse', '$2a$04$abcdefghijklmnopqrstuujydOTSfIH/d5oUHpsygqV5X9xJLQc6e'],
  ['bcrypt', 'correct horse', '$2b$04$abcdefghijklmnopqrstuujydOTSfIH/d5oUHpsygqV5X9xJLQc6e'],
  [
    'argon2id',
    'password',
    '$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4',
  ],
  [
    'scrypt',
    'correct horse',
    '$scrypt$ln=10,r=8,p=2$c2FsdHNhbHQxMjM0NTY3OA$Azd612IO9BxLSI09zwYpUERMN47VgCD42iHiiCCt5wk',
  ],
  ['apr1', 'correct horse', '$apr1$abcdefgh$sIQmFnT1CuEXAsyjuXjUX/'],
  ['apr1', 'correct horse', '$apr1$x$PSNAB.vTkM7vBB0Kq4yHq0'],
  ['apr1', 'päss:wörd€', '$apr1$qHDFfhPC$wFuXqUyEx.HDThc.cTdtm1'],
  ['SHA', 'correct horse', '{SHA}L55TUjtiq8FBorTWAZ0jy6g129A='],
  ['SSHA', 'correct horse', '{SSHA}awc/Cj0kafyFd5d8fGn07xoHBJJzYWx0c2FsdA=='],
]

for (const [form, password, text] of foreign) {
  test(`${text.slice(0, 14)}… takes its own password and no other`, async () => {
    const hash = parsePasswordHash(text)
    assert.equal(hash.form, form)
    assert.equal(await hash.verify(password), true)
    for (const wrong of ['', `${password} `, password.slice(1), password.toUpperCase(), text])
      assert.equal(await hash.verify(wrong), false, JSON.stringify(wrong))
  })
}

const refused: readonly [text: string, message: RegExp][] = [
  ['hunter2', /^is plain text$/],
  ['', /^is plain text$/],
  ['rqXexS6ZhobKA', /DES crypt hash, or plain text/],
  ['{PLAIN}hunter2', /unknown or damaged form/],
  ['$1$abcdefgh$sIQmFnT1CuEXAsyjuXjUX/', /unknown or damaged form/],
  ['$6$salt$hash', /unknown or damaged form/],
  ['$2y$04$tooshort', /unknown or damaged form/],
  ['$2y$20$abcdefghijklmnopqrstuujydOTSfIH/d5oUHpsygqV5X9xJLQc6e', /bcrypt cost 20, outside 4 to 16/],
  [
    '$argon2i$v=19$m=256,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4',
    /unknown or damaged/,
  ],
  [
    '$argon2id$v=16$m=256,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4',
    /unknown or damaged/,
  ],
  ['$argon2id$v=19$m=9999999,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4', /256 MB/],
  ['$argon2id$v=19$m=256,t=999,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4', /t 1 to 64/],
  ['$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ$nf65', /unusual length/],
  ['$scrypt$ln=30,r=8,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4', /256 MB/],
  ['$apr1$ninechars$sIQmFnT1CuEXAsyjuXjUX/', /unknown or damaged/],
  ['{SHA}L55TUjtiq8FB', /unknown or damaged/],
]

for (const [text, message] of refused) {
  test(`"${text.slice(0, 20)}" is refused, and not repeated`, () => {
    assert.throws(
      () => parsePasswordHash(text),
      (error: Error) => message.test(error.message) && (text === '' || !error.message.includes(text)),
    )
  })
}

for (const algorithm of ['argon2id', 'scrypt', 'bcrypt'] as const satisfies Algorithm[]) {
  test(`what is made with ${algorithm} can be read`, async () => {
    const hash = parsePasswordHash(await hashPassword('päss:wörd', algorithm))
    assert.equal(hash.form, algorithm)
    assert.equal(await hash.verify('päss:wörd'), true)
  })
}

test('the same password never makes the same hash', async () => {
  assert.notEqual(await hashPassword('x', 'argon2id'), await hashPassword('x', 'argon2id'))
})

test('an apr1 check leaves the event loop free', async () => {
  const hash = parsePasswordHash('$apr1$abcdefgh$sIQmFnT1CuEXAsyjuXjUX/')
  await hash.verify('the thread has started')
  const checks = Promise.all(Array.from({ length: 100 }, (_, i) => hash.verify(`wrong ${i}`)))
  let turns = 0
  let over = false
  const count = (): void => {
    turns++
    if (!over) setImmediate(count)
  }
  setImmediate(count)
  await checks
  over = true
  // On the event loop the hundred would take one turn, or a hundred at most.
  assert.ok(turns > 200, `${turns} turns`)
})
