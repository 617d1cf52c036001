import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import type { IncomingMessage } from 'node:http'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { eventually } from '../../../test/harness/eventually.ts'
import { tempFolder } from '../../../test/harness/temp-folder.ts'
import { hashPassword } from '../../request/policies/password-hash.ts'
import { createAttempts } from './attempts.ts'
import { createGate, isForeign } from './gate.ts'
import { commandMark, commandUser, signSession } from './session-token.ts'

const users = 'certs/dashboard.htpasswd'

test('a right password makes a session, which ends with another password and with the user', async (t) => {
  const { gate, folder } = await openGate(t)
  const signedIn = await gate.signIn('ada', 'right')
  assert.ok('cookie' in signedIn)
  const visitor = gate.visitorOf(withCookie(signedIn.cookie))
  assert.equal(visitor?.user, 'ada')
  const both = await readFile(join(folder, users), 'utf8')
  await writeFile(join(folder, users), `${both.trim()}\ngrace:${await hashPassword('other', 'argon2id')}\n`)
  // The file is looked at once a second, and each attempt before that counts.
  const grace = await eventually(
    async () => {
      const outcome = await gate.signIn('grace', 'other')
      if (!('cookie' in outcome)) throw new Error(outcome.sentence)
      return outcome
    },
    { every: 1_500, timeout: 40_000 },
  )
  assert.equal(visitor?.isWelcome(), true, 'another user is no reason')
  await writeFile(join(folder, users), `ada:${await hashPassword('new', 'argon2id')}\n`)
  await eventually(() => visitor?.isWelcome() === false)
  for (const { cookie } of [signedIn, grace]) assert.equal(gate.visitorOf(withCookie(cookie)), undefined)
})

test('wrong passwords and unknown names are answered alike', async (t) => {
  const { gate } = await openGate(t)
  const answers = [
    await gate.signIn('ada', 'wrong'),
    await gate.signIn('nobody', 'right'),
    await gate.signIn('ada', 'r'.repeat(2000)),
    await gate.signIn('', ''),
  ]
  for (const answer of answers)
    assert.deepEqual(answer, { status: 401, sentence: 'The name or the password is not right.' })
})

test('a session holds until its end, and only by its own kind of signature', async (t) => {
  const { gate, folder, key } = await openGate(t)
  const signedIn = await gate.signIn('ada', 'right')
  assert.ok('cookie' in signedIn)
  const token = signedIn.cookie.split(/[=;]/)[1] ?? ''
  const now = Math.floor(Date.now() / 1000)
  const ofCommand = (ends: number) => signSession({ user: commandUser, ends }, key, commandMark)
  const cases: [what: string, request: IncomingMessage, user: string | undefined][] = [
    ['the cookie', withCookie(`gatehouse_session=${token}`), 'ada'],
    ['behind another of that name', withCookie(`gatehouse_session=x; gatehouse_session=${token}`), 'ada'],
    ['the cookie as a token', withToken(token), undefined],
    ['a command', withToken(ofCommand(now + 60)), commandUser],
    ['a command a minute later', withToken(ofCommand(now - 1)), undefined],
    ['a command as a cookie', withCookie(`gatehouse_session=${ofCommand(now + 60)}`), undefined],
    [
      'another key',
      withToken(signSession({ user: commandUser, ends: now + 60 }, Buffer.alloc(32), commandMark)),
      undefined,
    ],
    [
      'an end of before',
      withCookie(
        `gatehouse_session=${signSession({ user: 'ada', ends: now - 1 }, key, await markOf(folder))}`,
      ),
      undefined,
    ],
  ]
  for (const [what, request, user] of cases) assert.equal(gate.visitorOf(request)?.user, user, what)
})

test('without a password file nobody comes in, and is told why; with one that comes later, they do', async (t) => {
  const folder = await tempFolder(t)
  const gate = createGate(folder, () => {})
  const refused = await gate.signIn('ada', 'right')
  assert.ok('status' in refused && refused.status === 503)
  assert.match(refused.sentence, /gatehouse hash NAME --file certs\/dashboard\.htpasswd/)
  await mkdir(join(folder, 'certs'))
  await writeFile(join(folder, users), `ada:${await hashPassword('right', 'argon2id')}\n`)
  assert.ok('cookie' in (await gate.signIn('ada', 'right')))
})

test('attempts run out, come back one by one, and a right password costs none', async () => {
  const attempts = createAttempts(3, 1_000)
  for (let i = 0; i < 10; i++) {
    assert.equal(attempts.take(), 0)
    attempts.succeeded()
  }
  assert.deepEqual([attempts.take(), attempts.take(), attempts.take()], [0, 0, 0])
  assert.ok(attempts.take() >= 1)
  await eventually(() => attempts.take() === 0, { timeout: 10_000 })
})

test('what a page of another origin sent is told from what ours did', () => {
  const host = '127.0.0.1:9901'
  const cases: [headers: Record<string, string>, foreign: boolean][] = [
    [{ host }, false],
    [{ host, 'sec-fetch-site': 'same-origin' }, false],
    [{ host, 'sec-fetch-site': 'none' }, false],
    [{ host, 'sec-fetch-site': 'same-site' }, true],
    [{ host, 'sec-fetch-site': 'cross-site' }, true],
    [{ host, origin: `http://${host}` }, false],
    [{ host, origin: 'http://127.0.0.1:8080' }, true],
    [{ host, origin: 'null' }, true],
    [{ host, origin: 'http://127.0.0.1:8080', 'sec-fetch-site': 'same-origin' }, true],
  ]
  for (const [headers, foreign] of cases)
    assert.equal(isForeign({ headers } as unknown as IncomingMessage), foreign, JSON.stringify(headers))
})

async function openGate(t: TestContext) {
  const folder = await tempFolder(t)
  await mkdir(join(folder, 'certs'))
  const key = Buffer.from('k'.repeat(43))
  await writeFile(join(folder, 'certs/dashboard.key'), key)
  await writeFile(join(folder, users), `ada:${await hashPassword('right', 'argon2id')}\n`)
  return { gate: createGate(folder, () => {}), folder, key }
}

async function markOf(folder: string): Promise<string> {
  const [line = ''] = (await readFile(join(folder, users), 'utf8')).split('\n')
  return createHash('sha256').update(line).digest('base64')
}

function withCookie(cookie: string): IncomingMessage {
  return { headers: { cookie: cookie.replace(/; Max-Age.*$/, '') } } as unknown as IncomingMessage
}

function withToken(token: string): IncomingMessage {
  return { headers: { authorization: `Bearer ${token}` } } as unknown as IncomingMessage
}
