import assert from 'node:assert/strict'
import { appendFile, mkdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { tempFolder } from '../../test/harness/temp-folder.ts'
import type { Fields, Logger } from '../shared/logger.ts'
import { Problem } from '../shared/problem.ts'
import { openJournal } from './counter-journal.ts'

async function open(t: TestContext, { folder, largest }: { folder?: string; largest?: number } = {}) {
  const place = folder ?? (await tempFolder(t))
  const said: string[] = []
  const say = (message: string, _fields?: Fields) => void said.push(message)
  const log: Logger = { debug: say, info: say, warn: say, error: say }
  const counter = await openJournal(place, log, { largest })
  return { ...counter, folder: place, file: join(place, 'visits.journal'), said }
}

const many = (length: number, from = 0) => Array.from({ length }, (_, index) => `request-${from + index}`)

test('it counts from one, and goes on after it was closed', async (t) => {
  const first = await open(t)
  assert.deepEqual([await first.add('a'), await first.add('b')], [1, 2])
  await first.close()
  const second = await open(t, first)
  assert.equal(await second.add('c'), 3)
  await second.close()
})

test('visits at the same time are given one number each, and share the waits for the disk', async (t) => {
  const counter = await open(t)
  const numbers = await Promise.all(many(500).map((id) => counter.add(id)))
  assert.deepEqual(
    numbers,
    many(500).map((_, index) => index + 1),
  )
  await counter.close()
})

test('a request that is told of twice counts once: at the same time, later, and after a restart', async (t) => {
  const first = await open(t)
  assert.deepEqual(await Promise.all([first.add('a'), first.add('a')]), [1, 1])
  assert.equal(await first.add('b'), 2)
  assert.equal(await first.add('a'), 1)
  await first.close()
  const second = await open(t, first)
  assert.deepEqual([await second.add('a'), await second.add('b'), await second.add('c')], [1, 2, 3])
  await second.close()
})

test('what was answered is on the disk already', async (t) => {
  const counter = await open(t)
  await counter.add('a')
  assert.match(await readFile(counter.file, 'utf8'), /^1 a [0-9a-f]+$/m)
  await counter.close()
})

const spoilt: [what: string, spoil: (text: string) => string, next: number][] = [
  ['a last line that was cut', (text) => text.slice(0, -5), 3],
  ['half a last line with a higher number', (text) => `${text}99 d 1234`, 4],
  ['zeros after a power cut', (text) => `${text}${'\0'.repeat(64)}`, 4],
  ['a spoilt line in the middle', (text) => text.replace('2 b', '2 x'), 4],
]
for (const [what, spoil, next] of spoilt)
  test(`${what} is passed over, said so, and kept`, async (t) => {
    const first = await open(t)
    for (const id of ['a', 'b', 'c']) await first.add(id)
    await first.close()
    const text = spoil(await readFile(first.file, 'utf8'))
    await writeFile(first.file, text)
    const second = await open(t, first)
    assert.equal(await second.add('new'), next)
    assert.deepEqual(second.said, ['lines of the journal are spoilt, and were passed over'])
    assert.equal(await readFile(`${first.file}.spoilt`, 'utf8'), text)
    await second.close()
    const third = await open(t, first)
    assert.deepEqual([await third.add('newer'), third.said], [next + 1, []])
    await third.close()
  })

test('a journal of nothing but noise throws, says what to do, and is left as it is', async (t) => {
  const folder = await tempFolder(t)
  const file = join(folder, 'visits.journal')
  await writeFile(file, 'not a journal at all')
  for (const _ of ['first', 'second'])
    await assert.rejects(
      open(t, { folder }),
      /visits\.journal cannot be read; put back a copy of it, or take it away/,
    )
  assert.equal(await readFile(file, 'utf8'), 'not a journal at all')
})

test('a journal that grew too long is written anew, and forgets no count and no recent request', async (t) => {
  const first = await open(t, { largest: 2000 })
  for (const id of many(20)) await Promise.all(many(10, 100).map((each) => first.add(`${id}-${each}`)))
  await first.close()
  const { size } = await stat(first.file)
  const second = await open(t, { folder: first.folder, largest: 2000 })
  assert.equal(await second.add('request-0-request-100'), 1)
  assert.equal(await second.add('new'), 201)
  await second.close()
  assert.ok(size > 0)
})

test('requests of long ago are forgotten, and the count is not', async (t) => {
  const first = await open(t)
  t.mock.timers.enable({ apis: ['Date'], now: Date.now() })
  await first.add('old')
  t.mock.timers.tick(301_000)
  await first.add('new')
  assert.equal(await first.add('old'), 3)
  await first.close()
})

test('a visit that cannot be written down is a 503, and the next one counts again when it can', async (t) => {
  const counter = await open(t)
  // Nobody can make a file where a folder has that name.
  await mkdir(`${counter.file}.new`)
  await assert.rejects(counter.add('a'), (error: Problem) => error instanceof Problem && error.status === 503)
  assert.deepEqual(counter.said, ['visits cannot be written down'])
  assert.equal(counter.canKeep(), false)
  await rm(`${counter.file}.new`, { recursive: true })
  assert.deepEqual([await counter.add('a'), await counter.add('b')], [1, 2])
  assert.equal(counter.canKeep(), true)
  await counter.close()
})

test('what a failed write left behind does not count', async (t) => {
  const first = await open(t)
  await first.add('a')
  await appendFile(first.file, '2 half-writ')
  await first.close()
  const second = await open(t, first)
  assert.equal(await second.add('b'), 2)
  await second.close()
})

test('a second one on the same folder throws until the first has closed', async (t) => {
  const first = await open(t)
  await assert.rejects(
    open(t, { folder: `${first.folder}/.` }),
    /is in use by another process; set REDIS_URL/,
  )
  await first.close()
  await (await open(t, first)).close()
})
