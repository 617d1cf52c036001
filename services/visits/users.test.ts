import assert from 'node:assert/strict'
import { mkdir, readFile, rename, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, type TestContext, test } from 'node:test'
import { needs } from '../../test/harness/parts.ts'
import { onEnd } from '../../test/harness/teardown.ts'
import { tempFolder } from '../../test/harness/temp-folder.ts'
import { startPostgres } from '../../test/services/postgres.ts'
import type { Logger } from '../shared/logger.ts'
import { hashPassword, verifyPassword } from '../shared/password.ts'
import { openUsers } from './open-users.ts'
import { addFirstUser } from './users.ts'

function listeningLog() {
  const said: string[] = []
  const say = (message: string) => void said.push(message)
  const log: Logger = { debug: say, info: say, warn: say, error: say }
  return { said, log }
}

async function open(t: TestContext, url?: string) {
  const folder = await tempFolder(t)
  const { said, log } = listeningLog()
  const users = await openUsers({ DATA_DIR: folder, DATABASE_URL: url }, log)
  onEnd(t, () => users.close())
  return { ...users, users, folder, file: join(folder, 'users.htpasswd'), said, log }
}

const places: [
  place: string,
  skip: { skip: false | string },
  url: (t: TestContext) => Promise<string | undefined>,
][] = [
  ['a file', { skip: false }, async () => undefined],
  ['Postgres', needs('postgresql'), async (t) => (await startPostgres(t)).url],
]
for (const [place, skip, urlOf] of places)
  test(`users in ${place} are added, changed and taken away`, skip, async (t) => {
    const { users, said, log } = await open(t, await urlOf(t))
    assert.equal(await users.areNone(), true)
    await addFirstUser(users, { name: 'admin', password: undefined }, log)
    assert.match(said.join(), /there is no user yet\. Add one: npm run visits:user/)
    await addFirstUser(users, { name: 'admin', password: 'first-password' }, log)
    await addFirstUser(users, { name: 'admin', password: 'other-password' }, log)
    const hash = await users.hashOf('admin')
    assert.ok(await verifyPassword('first-password', hash), 'a later start changes nothing')
    assert.ok(!hash?.includes('first-password'))
    assert.equal(await users.hashOf('Admin'), undefined)
    const next = await hashPassword('next')
    assert.deepEqual([await users.set('admin', next), await users.set('bob', next)], ['changed', 'added'])
    assert.equal(await users.hashOf('admin'), next)
    assert.deepEqual([await users.remove('admin'), await users.remove('admin')], [true, false])
    assert.deepEqual([await users.hashOf('admin'), await users.hashOf('bob')], [undefined, next])
    assert.ok(said.every((line) => !line.includes('password')))
  })

describe('the file of users', () => {
  test('can be read by its owner alone, and is of lines that gatehouse hash writes, too', async (t) => {
    const { set, file } = await open(t)
    await set('alice', await hashPassword('a'))
    assert.equal((await stat(file)).mode & 0o777, 0o600)
    assert.match(await readFile(file, 'utf8'), /^alice:\$argon2id\$v=19\$m=19456,t=2,p=1\$\S+\n$/)
  })

  test('loses nobody when many change it at the same time', async (t) => {
    const { users, folder, log } = await open(t)
    const names = Array.from({ length: 20 }, (_, index) => `user${index}`)
    const hash = await hashPassword('a')
    const others = await Promise.all(names.map(() => openUsers({ DATA_DIR: folder }, log)))
    const outcomes = await Promise.all(names.map((name, index) => others[index]?.set(name, hash)))
    assert.deepEqual(new Set(outcomes), new Set(['added']))
    for (const name of names) assert.equal(await users.hashOf(name), hash, name)
  })

  test('is read again when somebody else has changed it', async (t) => {
    const { set, hashOf, file } = await open(t)
    const hash = await hashPassword('a')
    await set('alice', hash)
    await writeFile(`${file}.edited`, `# by hand\n\nbob:${hash}\n`)
    await rename(`${file}.edited`, file)
    assert.deepEqual([await hashOf('alice'), await hashOf('bob')], [undefined, hash])
  })

  // Another kind of hash takes another time, which would tell that the name exists.
  test('passes over a line with another kind of hash, and says which', async (t) => {
    const { hashOf, file, said } = await open(t)
    await writeFile(file, 'eve:$2y$05$abcdefghijklmnopqrstuv\nmallory:plain\n')
    assert.deepEqual([await hashOf('eve'), await hashOf('mallory')], [undefined, undefined])
    assert.equal(said.length, 2)
  })

  test('a change that cannot be written rejects, and leaves the old file', async (t) => {
    const { set, hashOf, file } = await open(t)
    const hash = await hashPassword('a')
    await set('alice', hash)
    await mkdir(`${file}.new`)
    await assert.rejects(set('bob', hash), { code: 'EISDIR' })
    assert.deepEqual([await hashOf('alice'), await hashOf('bob')], [hash, undefined])
  })
})
