import assert from 'node:assert/strict'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { pathToFileURL } from 'node:url'
import { isAway, isUnkeepable, openDatabase } from './database.ts'
import { createLogger } from './logger.ts'

const log = createLogger({ service: 'test', stream: process.stderr })

async function scene(t: TestContext) {
  const folder = await mkdtemp(join(tmpdir(), 'database-'))
  t.after(() => rm(folder, { recursive: true, force: true }))
  await writeFile(join(folder, '001-notes.sql'), 'create table notes (text text primary key)')
  const migrations = pathToFileURL(`${folder}/`)
  const open = () => openDatabase({ url: undefined, folder: join(folder, 'data'), migrations, log })
  return { folder, open }
}

test('the embedded database keeps what was written, and runs each migration once', async (t) => {
  const { folder, open } = await scene(t)
  const first = await open()
  assert.equal(first.kind, 'embedded')
  await first.pool.query("insert into notes values ('kept')")
  await first.close()

  await writeFile(join(folder, '002-more.sql'), 'alter table notes add column size int')
  const second = await open()
  t.after(() => second.close())
  assert.deepEqual((await second.pool.query('select text, size from notes')).rows, [
    { text: 'kept', size: null },
  ])
  const { rows } = await second.pool.query('select name from migrations order by name')
  assert.deepEqual(rows, [{ name: '001-notes.sql' }, { name: '002-more.sql' }])

  await assert.rejects(open(), /is in use by another process; set DATABASE_URL/)

  // Transactions of several connections do not mix, although one database works for all of them.
  await Promise.allSettled(
    Array.from({ length: 20 }, (_, index) =>
      second.inTransaction(async (client) => {
        await client.query('insert into notes values ($1)', [`note ${index}`])
        if (index % 2 === 1) throw new Error('not this one')
      }),
    ),
  )
  const { rows: counted } = await second.pool.query(
    "select count(*)::int as n from notes where text like 'note %'",
  )
  assert.deepEqual(counted, [{ n: 10 }])
})

// With several connections the socket server of PGlite mixed up who had asked what: values of one question were bound to
// another, rows that were there were not found, and one message that failed left all later ones waiting for ever.
test('the embedded database answers each question with its own answer, however many are asked at once', async (t) => {
  const { open } = await scene(t)
  const database = await open()
  t.after(() => database.close())
  const outcomes = await Promise.allSettled(
    Array.from({ length: 400 }, async (_, index) => {
      if (index % 7 === 3) return database.pool.query('select no_such_column')
      if (index % 3 === 0)
        return database.inTransaction(async (client) => {
          await client.query('insert into notes values ($1)', [`own ${index}`])
          const { rows } = await client.query('select $1::int as own', [index])
          assert.deepEqual(rows, [{ own: index }])
        })
      const { rows } = await database.pool.query('select $1::int as own, $2::text as name', [
        index,
        `n${index}`,
      ])
      assert.deepEqual(rows, [{ own: index, name: `n${index}` }])
    }),
  )
  const wrong = outcomes.filter(({ status }, index) => (status === 'rejected') !== (index % 7 === 3))
  assert.deepEqual(wrong, [])
})

test('a migration that fails is named, leaves nothing behind, and can be mended', async (t) => {
  const { folder, open } = await scene(t)
  await writeFile(join(folder, '002-broken.sql'), 'create table half (id int); create table notes (id int)')
  await assert.rejects(open(), /migration 002-broken\.sql: relation "notes" already exists/)
  await writeFile(join(folder, '002-broken.sql'), 'create table half (id int)')
  const database = await open()
  t.after(() => database.close())
  assert.equal((await database.pool.query('select * from half')).rowCount, 0)
})

test('a text that cannot be kept is told from a question that is wrong', async (t) => {
  const { open } = await scene(t)
  const database = await open()
  t.after(() => database.close())
  const reasonOf = (sql: string, value: unknown) => database.pool.query(sql, [value]).then(String, (e) => e)
  for (const [sql, value] of [
    ['select $1::text', 'a\0b'],
    ['select $1::jsonb', JSON.stringify({ said: 'a\0b' })],
    ['select $1::jsonb', JSON.stringify({ said: 'half \ud800 of it' })],
  ] as const)
    assert.equal(isUnkeepable(await reasonOf(sql, value)), true, sql)
  for (const [sql, value] of [
    ['select $1::uuid', 'none'],
    ['select $1::text from nowhere', 'x'],
  ] as const)
    assert.equal(isUnkeepable(await reasonOf(sql, value)), false, sql)
})

test('a database that is away is told from a question that is wrong', () => {
  const away = Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED' })
  const wrong = Object.assign(new Error('relation does not exist'), { code: '42P01' })
  assert.equal(isAway(away), true)
  assert.equal(isAway(new Error('Connection terminated unexpectedly')), true)
  assert.equal(isAway(wrong), false)
  assert.equal(isAway(undefined), false)
})
