import assert from 'node:assert/strict'
import {
  chmodSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PassThrough } from 'node:stream'
import { type TestContext, test } from 'node:test'
import { parseHtpasswd } from '../request/policies/htpasswd.ts'
import { type HashArguments, runHash } from './hash.ts'

/** Runs the command with a pipe for standard input. */
async function run(args: HashArguments, input: string | Buffer) {
  const [stdin, stdout, stderr] = [new PassThrough(), new PassThrough(), new PassThrough()]
  stdin.end(input)
  const code = await runHash(args, { stdin, stdout, stderr })
  return { code, out: String(stdout.read() ?? ''), err: String(stderr.read() ?? '') }
}

/** Runs it at a terminal: each prompt is answered with the next keys. */
async function runAtTerminal(args: HashArguments, answers: readonly string[]) {
  const modes: boolean[] = []
  const stdin = Object.assign(new PassThrough(), { isTTY: true, setRawMode: (on: boolean) => modes.push(on) })
  const [stdout, stderr] = [new PassThrough(), new PassThrough()]
  const left = [...answers]
  let err = ''
  stderr.on('data', (chunk: Buffer) => {
    err += chunk
    if (/: $/.test(String(chunk))) for (const keys of left.shift() ?? '') stdin.write(keys)
  })
  const code = await runHash(args, { stdin, stdout, stderr })
  return { code, out: String(stdout.read() ?? ''), err, modes }
}

function folder(t: TestContext): string {
  const path = mkdtempSync(join(tmpdir(), 'hash-'))
  t.after(() => rmSync(path, { recursive: true }))
  return path
}

async function verifies(content: string, user: string, password: string): Promise<boolean> {
  return (await parseHtpasswd(Buffer.from(content), 'f').get(user)?.verify(password)) === true
}

test('a password from a pipe becomes an argon2id line', async () => {
  const { code, out } = await run({ user: 'alice' }, 'päss:wörd\nnot this\n')
  assert.equal(code, 0)
  assert.match(out, /^alice:\$argon2id\$v=19\$m=19456,t=2,p=1\$[^\n]+\n$/)
  assert.ok(await verifies(out, 'alice', 'päss:wörd'))
})

for (const algorithm of ['scrypt', 'bcrypt']) {
  test(`--algorithm ${algorithm}`, async () => {
    const { code, out } = await run({ user: 'alice', algorithm }, 'swordfish')
    assert.equal(code, 0)
    assert.match(out, algorithm === 'scrypt' ? /^alice:\$scrypt\$ln=17,r=8,p=1\$/ : /^alice:\$2b\$12\$/)
    assert.ok(await verifies(out, 'alice', 'swordfish'))
  })
}

test('names and passwords are kept in NFC, as browsers send them', async () => {
  const { out } = await run({ user: 'ju\u0308rgen' }, 'pa\u0308ss\r\n')
  assert.ok(await verifies(out, 'j\u00fcrgen', 'p\u00e4ss'))
})

test('--json', async () => {
  const { out } = await run({ user: 'alice', json: true }, 'swordfish')
  const { user, algorithm, line } = JSON.parse(out)
  assert.equal(`${user} ${algorithm}`, 'alice argon2id')
  assert.ok(await verifies(line, 'alice', 'swordfish'))
})

test('a file is made, added to and changed in place, and keeps its other lines', async (t) => {
  const file = join(folder(t), 'users')
  const bob = 'bob:{SHA}L55TUjtiq8FBorTWAZ0jy6g129A='
  const added = await run({ user: 'alice', file }, 'one')
  assert.deepEqual([added.code, added.out], [0, `alice added in ${file} (argon2id)\n`])
  assert.equal(statSync(file).mode & 0o777, 0o640)
  writeFileSync(file, `# people\nalice:{SHA}x\n${bob}\n# alice:old\nalice:{SHA}y`)
  chmodSync(file, 0o666)
  const replaced = await run({ user: 'alice', file, json: true }, 'two')
  assert.deepEqual(JSON.parse(replaced.out), { user: 'alice', algorithm: 'argon2id', file, replaced: true })
  const content = readFileSync(file, 'utf8')
  assert.match(
    content,
    new RegExp(`^# people\\nalice:\\$argon2id[^\\n]+\\n${bob.replace(/[{}+=]/g, '\\$&')}\\n# alice:old\\n$`),
  )
  assert.ok(await verifies(content, 'alice', 'two'))
  assert.equal(statSync(file).mode & 0o777, 0o640)
  assert.deepEqual(readdirSync(join(file, '..')), ['users'])
})

test('a symbolic link stays one', async (t) => {
  const place = folder(t)
  symlinkSync('real', join(place, 'link'))
  writeFileSync(join(place, 'real'), '')
  assert.equal((await run({ user: 'alice', file: join(place, 'link') }, 'one')).code, 0)
  assert.match(readFileSync(join(place, 'real'), 'utf8'), /^alice:/)
  assert.deepEqual(readdirSync(place).sort(), ['link', 'real'])
})

test('other lines that the proxy would refuse are named', async (t) => {
  const file = join(folder(t), 'users')
  writeFileSync(file, 'bob:swordfish\n')
  const { code, err } = await run({ user: 'alice', file }, 'one')
  assert.equal(code, 0)
  assert.match(err, /users:1: the password of "bob" is plain text/)
})

test('a file that cannot be written: exit code 1, and nothing is left behind', async (t) => {
  const place = folder(t)
  const { code, err } = await run({ user: 'alice', file: join(place, 'none', 'users') }, 'one')
  assert.equal(code, 1)
  assert.match(err, /could not be written: ENOENT/)
  assert.deepEqual(readdirSync(place), [])
})

const refused: readonly [what: string, args: HashArguments, input: string | Buffer, err: RegExp][] = [
  ['a colon in the name', { user: 'a:b' }, 'x', /no colon/],
  ['an empty name', { user: '' }, 'x', /1 to 255 characters/],
  ['a name that would be a comment', { user: '#a' }, 'x', /no # at the start/],
  ['an unknown algorithm', { user: 'a', algorithm: 'md5' }, 'x', /"md5" is none of argon2id, scrypt, bcrypt/],
  ['an empty password', { user: 'a' }, '\n', /the password is empty/],
  ['no input', { user: 'a' }, '', /the password is empty/],
  ['control characters', { user: 'a' }, 'x\0y', /control characters/],
  ['an overlong password', { user: 'a' }, 'x'.repeat(1025), /more than 1024 bytes/],
  ['a file piped in by mistake', { user: 'a' }, 'x'.repeat(70_000), /is no password/],
  [
    'what bcrypt would cut short',
    { user: 'a', algorithm: 'bcrypt' },
    'x'.repeat(73),
    /bcrypt reads 72 bytes/,
  ],
  ['bytes that are not UTF-8', { user: 'a' }, Buffer.from([0xff, 0x0a]), /not valid/],
]
for (const [what, args, input, message] of refused) {
  test(`${what}: exit code 2`, async () => {
    const { code, out, err } = await run(args, input)
    assert.deepEqual([code, out], [2, ''])
    assert.match(err, /^gatehouse hash: /)
    assert.match(err, message)
  })
}

test('at a terminal the password is asked for twice and never shown', async () => {
  const { code, out, err, modes } = await runAtTerminal({ user: 'alice' }, [
    'swordfjj\x7f\x7fish\r',
    'oops\x15swordfish\r',
  ])
  assert.equal(code, 0)
  assert.ok(await verifies(out, 'alice', 'swordfish'))
  assert.equal(err, 'Password: \nOnce more: \n')
  assert.deepEqual(modes, [true, false])
})

test('two different passwords at the terminal: exit code 2', async () => {
  const { code, err, modes } = await runAtTerminal({ user: 'alice' }, ['one\r', 'two\r'])
  assert.equal(code, 2)
  assert.match(err, /the two passwords differ/)
  assert.deepEqual(modes, [true, false])
})

test('Ctrl-C at the terminal: exit code 130, and the terminal is as it was', async () => {
  const { code, out, modes } = await runAtTerminal({ user: 'alice' }, ['one\x03'])
  assert.deepEqual([code, out], [130, ''])
  assert.deepEqual(modes, [true, false])
})
