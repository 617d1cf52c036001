import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, describe, test } from 'node:test'
import { promisify } from 'node:util'
import { eventually } from '../../harness/eventually.ts'
import { needs, pathOf } from '../../harness/parts.ts'
import { tempFolder } from '../../harness/temp-folder.ts'
import { projectFolder } from '../../system/shipped.ts'
import { startPostgres } from '../postgres.ts'
import { startRedis } from './redis.ts'
import { startScene } from './scene.ts'

/** Who signs in, who does not, and what those learn who only try. */

const scene = await startScene({ after })
const several = { timeout: 60_000 }
const userCommand = join(projectFolder, 'services/visits/user.ts')

/** Every test tries from addresses of its own, because wrong tries are counted by address. */
let addresses = 0
const newAddress = () => `127.0.${10 + Math.floor(addresses / 200)}.${1 + (addresses++ % 200)}`

async function tryLogin(username: string, password: string, from = newAddress()) {
  const { status, headers, text } = await scene.login({ username, password }, { from })
  return { status, headers, answer: JSON.parse(text) }
}

async function runUser(args: readonly string[], { input = '', env = {} } = {}) {
  const run = promisify(execFile)(process.execPath, [userCommand, ...args], {
    cwd: scene.folder,
    env: { ...process.env, ...env },
  })
  run.child.stdin?.on('error', () => {})
  run.child.stdin?.end(input)
  const { stdout, stderr, code } = await run.then(
    (out) => ({ ...out, code: 0 }),
    (error: { stdout: string; stderr: string; code: number }) => error,
  )
  return { code, stdout, stderr }
}

test('an unknown name and a wrong password get one and the same answer', async () => {
  const unknown = await tryLogin('nobody', 'wrong')
  const wrong = await tryLogin('admin', 'wrong')
  for (const { status, answer, headers } of [unknown, wrong]) {
    assert.equal(status, 401)
    assert.deepEqual(
      { ...answer, requestId: '' },
      { title: 'The name or the password is not right', status: 401, requestId: '' },
    )
    assert.equal(headers['www-authenticate'], 'Bearer')
  }
  const names = (headers: object) => Object.keys(headers).sort()
  assert.deepEqual(names(unknown.headers), names(wrong.headers))
  assert.equal(unknown.headers['content-length'], wrong.headers['content-length'])
})

/**
 * Without a hash to compare with, an unknown name would be refused in a tenth of the time. The two kinds are tried in
 * turn, so that whatever else the machine does befalls both alike; the slowest and the quickest are not looked at.
 */
test('an unknown name takes as long as a wrong password', several, async () => {
  const names = await Promise.all(
    Array.from({ length: 5 }, async (_, index) => {
      assert.equal((await runUser([`known${index}`])).code, 0)
      return `known${index}`
    }),
  )
  const took: { known: number[]; unknown: number[] } = { known: [], unknown: [] }
  for (let i = 0; i < 40; i++)
    for (const kind of i % 2 === 0 ? (['known', 'unknown'] as const) : (['unknown', 'known'] as const)) {
      const name = kind === 'known' ? String(names[i % names.length]) : `unknown${i % names.length}`
      const from = newAddress()
      const began = performance.now()
      const { status } = await tryLogin(name, 'wrong', from)
      took[kind].push(performance.now() - began)
      assert.equal(status, 401)
    }
  const middle = (times: number[]) => times.sort((a, b) => a - b)[Math.floor(times.length / 2)] as number
  const [known, unknown] = [middle(took.known), middle(took.unknown)]
  const ratio = unknown / known
  assert.ok(ratio > 0.7 && ratio < 1.4, `a known name takes ${known} ms, an unknown one ${unknown} ms`)
})

describe('wrong tries', () => {
  test('from one address are refused after ten, with whichever names, and even if one is right at last', async () => {
    const from = newAddress()
    for (let i = 0; i < 10; i++) assert.equal((await tryLogin(`guess${i}`, 'wrong', from)).status, 401)
    const { status, headers, answer } = await tryLogin('admin', scene.password, from)
    assert.equal(status, 429)
    assert.match(answer.title, /^Too many wrong tries; come back in \d+ min$/)
    const seconds = Number(headers['retry-after'])
    assert.ok(seconds > 0 && seconds <= 900, String(seconds))
    assert.equal((await tryLogin('admin', scene.password)).status, 200, 'from another address all is well')
  })

  test('at the same time do not slip through together', async () => {
    const from = newAddress()
    const tries = Array.from({ length: 25 }, () => tryLogin('several', 'wrong', from))
    const statuses = (await Promise.all(tries)).map(({ status }) => status)
    assert.equal(statuses.filter((status) => status === 401).length, 10)
  })

  for (const name of ['bob', 'nobody-at-all'])
    test(`with the name ${name} from many addresses are refused after twenty`, several, async () => {
      if (name === 'bob') assert.equal((await runUser([name])).code, 0)
      for (let i = 0; i < 20; i++) assert.equal((await tryLogin(name, 'wrong')).status, 401)
      assert.equal((await tryLogin(name, 'wrong')).status, 429)
    })

  test('are not counted where a login was right', async () => {
    const from = newAddress()
    for (let i = 0; i < 12; i++) assert.equal((await tryLogin('admin', scene.password, from)).status, 200)
  })

  test('are not what many right ones at once are, from an office behind one address', several, async () => {
    const from = newAddress()
    const tries = Array.from({ length: 20 }, () => tryLogin('admin', scene.password, from))
    const statuses = new Set((await Promise.all(tries)).map(({ status }) => status))
    assert.ok(
      statuses.has(200) && [...statuses].every((status) => status === 200 || status === 429),
      [...statuses].join(),
    )
    await eventually(async () => (await tryLogin('admin', scene.password, from)).status === 200)
  })

  test('are one line of the log each, with the real address, and no password', async () => {
    const from = newAddress()
    const name = 'x","address":"192.0.2.1\n{"address":"192.0.2.2"'
    const headers = {
      'x-forwarded-for': '192.0.2.3',
      forwarded: 'for=192.0.2.4',
      'content-type': 'application/json',
    }
    await scene.login({ username: name, password: 'my-secret-guess' }, { from, headers })
    const found = await eventually(() => scene.service.log().find((entry) => entry.address === from))
    assert.deepEqual(
      [found.message, found.status, found.user, found.level],
      ['a login was refused', 401, name, 'warn'],
    )
    assert.ok(!JSON.stringify(scene.service.log()).includes('my-secret-guess'))
  })

  test('are seen by fail2ban, and nobody can have somebody else shut out', needs('fail2ban'), async (t) => {
    const before = scene.service.log().length
    const from = newAddress()
    const names = ['x', '","address":"192.0.2.1","status":401,', '\n{"address":"192.0.2.2","status":401,']
    for (const name of names) await tryLogin(name, 'wrong', from)
    await eventually(() => scene.service.log().length >= before + names.length)
    const lines = scene.service.log().slice(before)
    const file = join(await tempFolder(t), 'visits.log')
    await writeFile(file, lines.map((line) => `${JSON.stringify(line)}\n`).join(''))
    const filter = join(projectFolder, 'deploy/fail2ban/filter.d/gatehouse-visits.conf')
    const { stdout } = await promisify(execFile)(pathOf('fail2ban'), ['-o', 'ip', file, filter])
    assert.deepEqual(stdout.trim().split('\n'), [from, from, from])
  })
})

test('wrong tries are counted in Redis, so that a restart does not forget them', {
  ...needs('redis'),
  ...several,
}, async (t) => {
  const redis = await startRedis(t)
  await scene.startService({ REDIS_URL: redis.url })
  const from = newAddress()
  for (let i = 0; i < 10; i++) assert.equal((await tryLogin(`guess${i}`, 'wrong', from)).status, 401)
  await scene.startService({ REDIS_URL: redis.url })
  assert.equal((await tryLogin('admin', scene.password, from)).status, 429)
  await scene.startService()
})

test('so many logins at once that they would take all memory are put off', several, async () => {
  const from = Array.from({ length: 90 }, newAddress)
  const outcomes = await Promise.all(
    from.map((address, index) => tryLogin(`crowd${index}`, 'wrong', address)),
  )
  const statuses = new Set(outcomes.map(({ status }) => status))
  assert.deepEqual([...statuses].sort(), [401, 503])
  assert.equal(outcomes.find(({ status }) => status === 503)?.headers['retry-after'], '2')
})

describe('npm run visits:user', () => {
  test('adds somebody who can sign in at once, changes the password, and takes away', several, async () => {
    const added = await runUser(['alice', '--json'])
    const { user, outcome, password } = JSON.parse(added.stdout)
    assert.deepEqual([user, outcome, added.code], ['alice', 'added', 0])
    assert.match(password, /^([a-z2-9]{4}-){3}[a-z2-9]{4}$/)
    assert.equal((await tryLogin('alice', password)).status, 200)
    const changed = await runUser(['alice', '--stdin'], { input: 'another pässword\nnot this\n' })
    assert.equal(changed.stdout, 'alice is changed\n')
    assert.equal((await tryLogin('alice', password)).status, 401)
    assert.equal((await tryLogin('alice', 'another pa\u0308ssword')).status, 200, 'however it is composed')
    assert.equal((await runUser(['alice', '--remove'])).stdout, 'alice is taken away\n')
    assert.equal((await tryLogin('alice', 'another pässword')).status, 401)
  })

  const rows: [args: string[], input: string, code: number, says: RegExp][] = [
    [['--help'], '', 0, /Adds a user of the visits service/],
    [[], '', 2, /missing required argument/],
    [['a:b'], '', 2, /a name has 1 to 64/],
    [['alice', '--stdin'], 'short\n', 2, /at least 8 characters/],
    [['nobody-here', '--remove'], '', 1, /There is no user nobody-here/],
  ]
  for (const [args, input, code, says] of rows)
    test(`${args.join(' ') || 'nothing'}${input && ' with a short password'} is ${code}, and says why`, async () => {
      const outcome = await runUser(args, { input })
      assert.equal(outcome.code, code)
      assert.match(outcome.stdout + outcome.stderr, says)
    })
})

test('users in Postgres: the first is made, others are added, and while it is away nobody signs in but all who are in count', {
  ...needs('postgresql'),
  ...several,
}, async (t) => {
  const postgres = await startPostgres(t)
  const env = { DATABASE_URL: postgres.url }
  await scene.startService(env)
  const token = await scene.token()
  const { stdout } = await runUser(['dora', '--json'], { env })
  const { password } = JSON.parse(stdout)
  assert.equal((await tryLogin('dora', password)).status, 200)
  assert.equal((await tryLogin('dora', 'wrong')).status, 401)
  await postgres.stop()
  const { status, headers } = await tryLogin('dora', password)
  assert.deepEqual([status, headers['retry-after']], [503, '5'])
  assert.equal((await scene.count(token)).status, 200)
  await postgres.start()
  await eventually(async () => (await tryLogin('dora', password)).status === 200, { ...several, every: 100 })
})
