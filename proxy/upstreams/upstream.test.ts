import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { schema, type UpstreamConfig } from '../config/schema.ts'
import { createDirectory } from './leases/directory.ts'
import type { ToldTarget } from './leases/news.ts'
import { nameOf } from './leases/place.ts'
import { markAway, markFailed, markWell } from './target.ts'
import { createUpstream } from './upstream.ts'

function configOf(upstream: object): UpstreamConfig {
  const { upstreams } = schema.parse({
    listeners: { http: { port: 0 } },
    upstreams: { it: upstream },
    routes: [],
  })
  return upstreams.it as UpstreamConfig
}

/** An upstream whose targets are told of as the primary would. */
function open(config: object = { leased: true }) {
  const directory = createDirectory()
  const refused: string[] = []
  const upstream = createUpstream('it', configOf(config), {
    folder: '/',
    source: {
      directory,
      own: () => ({ ports: new Set(), sockets: new Set() }),
      refused: (name, reason) => refused.push(`${name.split('\0').pop()} ${reason}`),
    },
  })
  let sequence = 0
  directory.apply({ sequence, whole: true, put: [], gone: [] })
  const tell = (put: ToldTarget[], gone: string[] = []): void => {
    directory.apply({ sequence: ++sequence, whole: false, put, gone })
  }
  const pickMany = (): string[] =>
    [...new Set(Array.from({ length: 20 }, () => upstream.pick(undefined, [])?.id ?? 'nobody'))].sort()
  return { upstream, refused, tell, pickMany }
}

const told = (id: string, more: Partial<ToldTarget> = {}): ToldTarget => ({
  upstream: 'it',
  id,
  url: `http://127.0.0.1:${3000 + id.charCodeAt(0)}`,
  leased: true,
  weight: 1,
  draining: false,
  health: 'well',
  awayUntil: 0,
  since: 0,
  ...more,
})

suite('who may be picked', () => {
  const never = Date.now() + 1e9
  const cases: [what: string, targets: ToldTarget[], picked: string[]][] = [
    ['nobody announced', [], ['nobody']],
    ['all that are well', [told('a'), told('b')], ['a', 'b']],
    ['none that fails its checks', [told('a', { health: 'failing' }), told('b')], ['b']],
    ['not even where all fail', [told('a', { health: 'failing' })], ['nobody']],
    ['none that is draining', [told('a', { draining: true }), told('b')], ['b']],
    ['none that is overdue, if another is well', [told('a', { health: 'suspect' }), told('b')], ['b']],
    ['one that is overdue, if it is alone', [told('a', { health: 'suspect' })], ['a']],
    ['none that refused of late, if another is there', [told('a', { awayUntil: never }), told('b')], ['b']],
    [
      'all of them, if all refused of late',
      [told('a', { awayUntil: never }), told('b', { awayUntil: never })],
      ['a', 'b'],
    ],
  ]
  for (const [what, targets, picked] of cases)
    test(what, () => {
      const { tell, pickMany } = open()
      tell(targets)
      assert.deepEqual(pickMany(), picked)
    })

  test('none that was tried', () => {
    const { upstream, tell } = open()
    tell([told('a'), told('b')])
    const first = upstream.pick(undefined, [])
    assert.ok(first)
    const second = upstream.pick(undefined, [first])
    assert.ok(second && second !== first)
    assert.equal(upstream.pick(undefined, [first, second]), undefined)
  })
})

test('fixed targets stand beside announced ones, and are told to be unwell as those are', () => {
  const { upstream, tell, pickMany } = open({ leased: true, targets: ['http://127.0.0.1:9'] })
  tell([told('a')])
  assert.deepEqual(pickMany(), ['a', 'http://127.0.0.1:9'])
  const fixed = told('http://127.0.0.1:9', { leased: false, health: 'failing' })
  tell([fixed])
  assert.deepEqual(pickMany(), ['a'])
  tell([], [nameOf(fixed), nameOf(told('a'))])
  assert.deepEqual(pickMany(), ['http://127.0.0.1:9'])
  assert.equal(upstream.targets().length, 1)
})

test('a service that moved is another target, and what is under way with the first goes on', () => {
  const { upstream, tell } = open()
  tell([told('a')])
  const before = upstream.pick(undefined, [])
  assert.ok(before)
  before.inFlight = 1
  tell([told('a', { url: 'http://127.0.0.1:9999' })])
  const after = upstream.pick(undefined, [])
  assert.equal(after?.address.port, 9999)
  assert.equal(after?.inFlight, 0)
  assert.equal(upstream.targets().length, 1)
})

test('a refusal is told once while it lasts', () => {
  const { upstream, tell, refused } = open()
  tell([told('a')])
  const target = upstream.pick(undefined, [])
  assert.ok(target)
  markAway(target, 'ECONNREFUSED')
  markAway(target, 'ECONNREFUSED')
  assert.deepEqual(refused, ['a ECONNREFUSED'])
})

test('five failures in a row eject a target, one answer takes it back, and the last of a pool stays', () => {
  const { upstream, tell, pickMany } = open()
  tell([told('a'), told('b')])
  const [a, b] = upstream.targets()
  assert.ok(a && b)
  for (let i = 0; i < 4; i++) markFailed(a, 'cut short')
  assert.deepEqual(pickMany(), ['a', 'b'])
  markFailed(a, 'cut short')
  assert.deepEqual(pickMany(), ['b'])
  for (let i = 0; i < 5; i++) markFailed(b, 'cut short')
  assert.deepEqual(pickMany(), ['a', 'b'])
  markWell(a)
  assert.deepEqual(pickMany(), ['a'])
})

test('ten thousand keys: each is found as one of ten is, and those that go leave nothing', () => {
  const small = open({ leased: true, keyed: true })
  const large = open({ leased: true, keyed: true })
  const keyed = (i: number) => told('main', { key: `user-${i}-vscode` })
  small.tell(Array.from({ length: 10 }, (_, i) => keyed(i)))
  large.tell(Array.from({ length: 10_000 }, (_, i) => keyed(i)))
  const timeOf = ({ upstream }: typeof small, count: number): number => {
    const keys = Array.from({ length: 1000 }, (_, i) => `user-${i % count}-vscode`)
    const start = performance.now()
    for (let round = 0; round < 20; round++) for (const key of keys) assert.ok(upstream.pick(key, []))
    return performance.now() - start
  }
  /** The quickest of nine: whatever else the machine does makes one slower, and none quicker. */
  const quickest = (of: typeof small, count: number): number =>
    Math.min(...Array.from({ length: 9 }, () => timeOf(of, count)))
  const ratio = quickest(large, 10_000) / quickest(small, 10)
  // A scan would be a thousand times as long; caches of the processor may double it.
  assert.ok(ratio < 20, `${ratio} times as long`)
  large.tell(
    [],
    Array.from({ length: 10_000 }, (_, i) => nameOf(keyed(i))),
  )
  assert.equal([...large.upstream.all()].length, 0)
  assert.equal(large.upstream.pick('user-1-vscode', []), undefined)
})
