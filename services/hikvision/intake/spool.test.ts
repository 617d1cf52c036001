import assert from 'node:assert/strict'
import { appendFile, readdir, readFile, statfs, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, type TestContext, test } from 'node:test'
import { eventually } from '../../../test/harness/eventually.ts'
import { onEnd } from '../../../test/harness/teardown.ts'
import { tempFolder } from '../../../test/harness/temp-folder.ts'
import { createLogger } from '../../shared/logger.ts'
import { openSpool, type Spool, SpoolFull, type SpoolSettings } from './spool.ts'

const said: string[] = []
const log = createLogger({
  service: 'test',
  stream: new (await import('node:stream')).Writable({
    write(chunk, _encoding, done) {
      said.push(String(chunk))
      done()
    },
  }),
})

async function open(t: TestContext, folder: string, more: Partial<SpoolSettings> = {}): Promise<Spool> {
  const spool = await openSpool({ folder, limit: 10 << 20, log, ...more })
  onEnd(t, () => spool.close())
  return spool
}

function arrival(from: string, hint = '') {
  return { at: 1, from, path: '/', type: '', hint }
}

const texts = (waiting: readonly { body: Buffer }[] = []) => waiting.map(({ body }) => body.toString())

describe('the queue on disk', () => {
  test('hands out what was put in, after a restart as well, until it is dealt with', async (t) => {
    const folder = await tempFolder(t)
    const first = await open(t, folder)
    await Promise.all(['a', 'b', 'c'].map((text) => first.append(arrival('x'), Buffer.from(text))))
    const taken = (await first.take(2)) ?? []
    assert.deepEqual(texts(taken), ['a', 'b'])
    await first.close()
    const second = await open(t, folder)
    assert.equal(second.usage.events, 3)
    const again = (await second.take(10)) ?? []
    assert.deepEqual(texts(again), ['a', 'b', 'c'])
    assert.deepEqual(again[0]?.arrival, arrival('x'))
    await second.done(again)
    assert.deepEqual(second.usage.events + second.usage.bytes, 0)
    await second.close()
    assert.equal((await open(t, folder)).usage.events, 0)
    assert.deepEqual(await readdir(folder), [])
  })

  test('knows since when the event waits that came first, whichever is dealt with before, and after a restart', async (t) => {
    const folder = await tempFolder(t)
    const spool = await open(t, folder)
    assert.equal(spool.usage.oldest, undefined)
    for (const [from, at] of [
      ['x', 10],
      ['x', 20],
      ['y', 30],
    ] as const)
      await spool.append({ ...arrival(from), at }, Buffer.from(String(at)))
    // Each address in its turn: the one that came last is handed out second.
    const taken = (await spool.take(2)) ?? []
    assert.deepEqual(texts(taken), ['10', '30'])
    await spool.done(taken.slice(1))
    assert.equal(spool.usage.oldest, 10)
    await spool.done(taken)
    assert.equal(spool.usage.oldest, 20)
    await spool.close()
    assert.equal((await open(t, folder)).usage.oldest, 10)
  })

  test('lets go of whoever waits for an event when it is closed', async (t) => {
    const spool = await open(t, await tempFolder(t))
    const waiting = spool.take(1)
    await spool.close()
    assert.equal(await waiting, undefined)
    assert.equal(await spool.take(1), undefined)
    await assert.rejects(spool.append(arrival('x'), Buffer.from('late')), SpoolFull)
  })

  test('gives each address its turn, and at an address each device', async (t) => {
    const spool = await open(t, await tempFolder(t))
    for (let n = 0; n < 50; n += 1) await spool.append(arrival('flood', 'one'), Buffer.from(`flood ${n}`))
    await spool.append(arrival('flood', 'two'), Buffer.from('neighbour'))
    await spool.append(arrival('calm'), Buffer.from('calm'))
    assert.deepEqual(texts(await spool.take(4)), ['flood 0', 'calm', 'neighbour', 'flood 1'])
  })

  test('takes a share from one address, and goes on to take from others', async (t) => {
    const spool = await open(t, await tempFolder(t), { limit: 400_000 })
    const body = Buffer.alloc(10_000)
    const floods = await Promise.allSettled(
      Array.from({ length: 30 }, () => spool.append(arrival('flood'), body)),
    )
    const refused = floods.filter(({ status }) => status === 'rejected') as PromiseRejectedResult[]
    assert.equal(refused.length, 21)
    assert.ok(
      refused.every(
        ({ reason }) => reason instanceof SpoolFull && /flood has filled its share/.test(reason.message),
      ),
    )
    await spool.append(arrival('calm'), body)
    await spool.done((await spool.take(10)) ?? [])
    await spool.append(arrival('flood'), body)
  })

  test('is not led astray by half a record at the end of a file, nor by damage within', async (t) => {
    const folder = await tempFolder(t)
    const first = await open(t, folder)
    for (const text of ['first', 'second', 'third']) await first.append(arrival('x'), Buffer.from(text))
    await first.close()
    const [file = ''] = await readdir(folder)
    await appendFile(join(folder, file), Buffer.from('HKV1\0\0\0\x10half'))
    assert.deepEqual(texts(await (await open(t, folder)).take(5)), ['first', 'second', 'third'])

    const bytes = await readFile(join(folder, file))
    bytes.write('S', bytes.indexOf('second'))
    await writeFile(join(folder, file), bytes)
    const damaged = await open(t, folder)
    const rest = (await damaged.take(5)) ?? []
    assert.deepEqual(texts(rest), ['first', 'third'])
    await damaged.done(rest)
    // Somebody may want to see what was in it.
    await eventually(async () => (await readdir(folder)).some((name) => name.endsWith('.damaged')))
  })

  test('begins another file when one is large, and throws away those that are done', async (t) => {
    const folder = await tempFolder(t)
    const spool = await open(t, folder, { segmentSize: 50_000 })
    for (let n = 0; n < 20; n += 1) await spool.append(arrival(`${n}`), Buffer.alloc(10_000))
    assert.ok((await readdir(folder)).length >= 4)
    const all = (await spool.take(20)) ?? []
    await Promise.all(all.map((each) => spool.done([each])))
    await eventually(async () => (await readdir(folder)).length <= 1)
  })

  test('leaves of the disk what is to stay free, for others and for what is made of its events', async (t) => {
    const folder = await tempFolder(t)
    const { bavail, bsize } = await statfs(folder)
    const spool = await open(t, folder, { reserve: bavail * bsize * 2 })
    await assert.rejects(spool.append(arrival('a'), Buffer.from('x')), /the disk is nearly full/)
    assert.deepEqual([spool.usage.events, spool.usage.bytes], [0, 0])
    const roomy = await open(t, await tempFolder(t), { reserve: 1 })
    await roomy.append(arrival('a'), Buffer.from('x'))
  })

  test('says that it is full when the disk is, and takes events again when it is not', async (t) => {
    const folder = join(await tempFolder(t), 'spool')
    const spool = await open(t, folder)
    const { rm, mkdir } = await import('node:fs/promises')
    await rm(folder, { recursive: true })
    await assert.rejects(spool.append(arrival('x'), Buffer.from('lost')), /ENOENT/)
    await mkdir(folder)
    await spool.append(arrival('x'), Buffer.from('kept'))
    assert.deepEqual(texts(await spool.take(5)), ['kept'])
  })
})
