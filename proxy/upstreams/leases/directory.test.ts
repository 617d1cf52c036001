import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createDirectory } from './directory.ts'
import { createFeed } from './feed.ts'
import type { TargetNews, ToldTarget } from './news.ts'
import { nameOf } from './place.ts'

const target = (id: string, more: Partial<ToldTarget> = {}): ToldTarget => ({
  upstream: 'photos',
  id,
  url: `http://127.0.0.1:1/${id}`,
  leased: true,
  weight: 1,
  draining: false,
  health: 'well',
  awayUntil: 0,
  since: 0,
  ...more,
})

/** A directory, and what a follower of one upstream has been told. */
function followed(upstream = 'photos') {
  const directory = createDirectory()
  const told: string[] = []
  const stop = directory.follow(upstream, {
    told: (_, { id, health }) => told.push(`${id} ${health}`),
    gone: (name) => told.push(`${name.split('\0').pop()} gone`),
  })
  return { directory, told, stop }
}

test('a worker that starts is told everything, and then what changes', () => {
  const { directory, told } = followed()
  directory.apply({ sequence: 7, whole: true, put: [target('a'), target('b')], gone: [] })
  directory.apply({
    sequence: 8,
    whole: false,
    put: [target('b', { health: 'failing' })],
    gone: [nameOf(target('a'))],
  })
  assert.deepEqual(told, ['a well', 'b well', 'a gone', 'b failing'])
})

test('news that came before everything was told, or a second time, change nothing', () => {
  const { directory, told } = followed()
  assert.equal(directory.apply({ sequence: 3, whole: false, put: [target('old')], gone: [] }), true)
  directory.apply({ sequence: 5, whole: true, put: [target('a')], gone: [] })
  assert.equal(directory.apply({ sequence: 5, whole: false, put: [target('old')], gone: [] }), true)
  assert.deepEqual(told, ['a well'])
})

test('a gap is noticed, and everything anew closes it', () => {
  const { directory, told } = followed()
  directory.apply({ sequence: 1, whole: true, put: [target('a')], gone: [] })
  assert.equal(directory.apply({ sequence: 3, whole: false, put: [target('c')], gone: [] }), false)
  directory.apply({ sequence: 3, whole: true, put: [target('b')], gone: [] })
  assert.deepEqual(told, ['a well', 'a gone', 'b well'])
  assert.equal(directory.apply({ sequence: 4, whole: false, put: [], gone: [] }), true)
})

test('a follower hears of its own upstream, from the start and until it stops', () => {
  const { directory, told, stop } = followed()
  directory.apply({
    sequence: 1,
    whole: true,
    put: [target('x', { upstream: 'camera' }), target('a')],
    gone: [],
  })
  stop()
  directory.apply({ sequence: 2, whole: false, put: [target('b')], gone: [] })
  assert.deepEqual(told, ['a well'])
  const late: string[] = []
  directory.follow('photos', { told: (_, { id }) => late.push(id), gone() {} })
  assert.deepEqual(late, ['a', 'b'])
})

test('what changes in one turn is one message, which says the last of it', async () => {
  const news: TargetNews[] = []
  const feed = createFeed((each) => news.push(each))
  for (let i = 0; i < 1000; i++) feed.put(target(`t${i}`))
  feed.put(target('t5', { health: 'failing' }))
  feed.drop(nameOf(target('t6')))
  feed.drop(nameOf(target('never there')))
  await new Promise((resolve) => setImmediate(resolve))
  assert.equal(news.length, 1)
  assert.equal(news[0]?.put.length, 999)
  assert.equal(news[0]?.put.find(({ id }) => id === 't5')?.health, 'failing')
  assert.deepEqual(news[0]?.gone, [nameOf(target('t6'))])
  assert.deepEqual([feed.whole().sequence, feed.whole().put.length], [1, 999])
})
