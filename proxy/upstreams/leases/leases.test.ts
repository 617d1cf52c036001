import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Announcement } from '../../config/announcement-schema.ts'
import { createLeases, type Lease } from './leases.ts'
import { nameOf } from './place.ts'

const place = { upstream: 'photos', id: 'one' }
const name = nameOf(place)
const words: Announcement = {
  url: 'http://127.0.0.1:1',
  ttl: 30_000,
  weight: 1,
  state: 'ready',
  metadata: {},
  headers: {},
}

/** Leases on a clock of their own, with what was told of them. */
function leased() {
  let time = 1_000_000
  let steady = 0
  const told: string[] = []
  const leases = createLeases({
    now: () => time,
    steady: () => steady,
    changed: ({ id }, event, reason) => told.push([id, event, reason].filter(Boolean).join(' ')),
  })
  return {
    leases,
    told,
    pass(ms: number) {
      time += ms
      steady += ms
      leases.sweep()
    },
    /** Nobody looks before the next time that passes. */
    setClock(ms: number) {
      time += ms
    },
  }
}

test('the same call registers and renews, and a renewal is nothing new', () => {
  const { leases, told, pass } = leased()
  assert.equal(leases.put(place, words, 'token'), 'registered')
  for (let i = 0; i < 10; i++) {
    pass(20_000)
    assert.equal(leases.put(place, { ...words }, 'token'), 'renewed')
  }
  assert.deepEqual(told, ['one registered'])
})

test('a lease that says something else has changed, and is as old as before', () => {
  const { leases, told, pass } = leased()
  leases.put(place, words, 'token')
  pass(1_000)
  assert.equal(leases.put(place, { ...words, state: 'draining' }, 'token'), 'changed')
  assert.equal(leases.get(name)?.announcedAt, 1_000_000)
  assert.deepEqual(told, ['one registered', 'one changed'])
})

test('a heartbeat that is missed makes a lease suspect, and it is gone when as much again has passed', () => {
  const { leases, told, pass } = leased()
  leases.put(place, words, 'token')
  pass(29_999)
  assert.equal(leases.get(name)?.suspect, false)
  pass(1)
  assert.equal(leases.get(name)?.suspect, true)
  pass(29_999)
  assert.equal(leases.size, 1)
  pass(1)
  assert.equal(leases.size, 0)
  assert.deepEqual(told, [
    'one registered',
    'one suspect a heartbeat is overdue',
    'one ended the lease was not renewed',
  ])
})

test('a late heartbeat clears the suspicion', () => {
  const { leases, told, pass } = leased()
  leases.put(place, words, 'token')
  pass(45_000)
  assert.equal(leases.renew(name), true)
  assert.equal(leases.get(name)?.suspect, false)
  pass(29_999)
  assert.deepEqual(told, ['one registered', 'one suspect a heartbeat is overdue', 'one back'])
})

test('who leaves is gone at once, and cannot leave or be renewed again', () => {
  const { leases, told } = leased()
  leases.put(place, words, 'token')
  assert.equal(leases.remove(name, 'left', 'it said so'), true)
  assert.equal(leases.remove(name, 'left', 'it said so'), false)
  assert.equal(leases.renew(name), false)
  assert.deepEqual(told, ['one registered', 'one left it said so'])
})

test('a lease of before a restart is suspect until it is renewed, and has one ttl for that', () => {
  const before = leased()
  before.leases.put(place, words, 'token')
  const after = leased()
  after.leases.restore(JSON.parse(JSON.stringify([...before.leases.all()])) as Lease[])
  assert.equal(after.leases.get(name)?.suspect, true)
  after.pass(29_999)
  assert.equal(after.leases.put(place, words, 'token'), 'renewed')
  after.pass(29_999)
  assert.equal(after.leases.get(name)?.suspect, false)
})

test('the same id in another pool is another lease', () => {
  const { leases } = leased()
  for (const key of ['alice', 'bob', undefined])
    leases.put({ upstream: 'desktop', key, id: 'main' }, words, 'token')
  assert.equal(leases.size, 3)
})

const told = { ...place, ...words, by: 'token', announcedAt: 1, renewedAt: 0, suspect: false, via: 'other' }

test('what another proxy says is taken up, and lives without heartbeats here', () => {
  const { leases, told: heard, pass } = leased()
  leases.adopt({ ...told, saidAt: 1 })
  for (let i = 0; i < 10; i++) pass(words.ttl)
  assert.deepEqual(heard, ['one registered'])
  assert.equal(leases.get(name)?.via, 'other')
})

test('of two proxies that a service spoke to, the later word counts', () => {
  const { leases, pass } = leased()
  leases.put(place, words, 'token')
  const saidAt = (leases.get(name) as Lease).saidAt
  leases.adopt({ ...told, url: 'http://127.0.0.1:2', saidAt: saidAt - 1 })
  assert.equal(leases.get(name)?.url, words.url)
  pass(1)
  leases.adopt({ ...told, url: 'http://127.0.0.1:2', saidAt: saidAt + 1 })
  assert.deepEqual([leases.get(name)?.url, leases.get(name)?.via], ['http://127.0.0.1:2', 'other'])
})

test('when the other proxy is gone its leases are suspect, and end unless somebody renews them', () => {
  const { leases, told: heard, pass } = leased()
  leases.adopt({ ...told, saidAt: 1 })
  leases.adopt({ ...told, id: 'two', saidAt: 1 })
  leases.orphan('other')
  assert.equal(leases.renew(name), true)
  pass(words.ttl)
  assert.deepEqual(heard.slice(2), [
    'one suspect the proxy that it spoke to is gone',
    'two suspect the proxy that it spoke to is gone',
    'one back',
    'one suspect a heartbeat is overdue',
    'two ended the lease was not renewed',
  ])
  assert.equal(leases.get(name)?.via, undefined)
})

test('a service that speaks to both proxies is not doubted when one of them is gone', () => {
  const { leases, told: heard, pass } = leased()
  leases.adopt({ ...told, saidAt: 1 })
  leases.put(place, words, 'token')
  pass(1_000)
  leases.orphan('other')
  assert.deepEqual(heard, ['one registered', 'one back'])
  assert.equal(leases.get(name)?.suspect, false)
})

/** A clock that jumped an hour ahead once ended every lease: all services were away until their next heartbeats. */
test('a clock that is set ends no lease, and keeps none', () => {
  for (const jump of [3_600_000, -3_600_000]) {
    const { leases, told, pass, setClock } = leased()
    leases.put(place, words, 'token')
    pass(10_000)
    setClock(jump)
    pass(250)
    assert.equal(leases.get(name)?.suspect, false, `${jump}`)
    pass(19_749)
    assert.deepEqual(told, ['one registered'])
    pass(1)
    pass(30_000)
    assert.deepEqual(told.slice(1), [
      'one suspect a heartbeat is overdue',
      'one ended the lease was not renewed',
    ])
  }
})

test('a heartbeat that is heard after the clock was set, and before anybody looked, counts from when it was heard', () => {
  for (const jump of [3_600_000, -3_600_000]) {
    const { leases, pass, setClock } = leased()
    leases.put(place, words, 'token')
    pass(20_000)
    setClock(jump)
    leases.put(place, words, 'token')
    pass(250)
    pass(29_000)
    assert.equal(leases.get(name)?.suspect, false)
    pass(30_750)
    assert.equal(leases.get(name), undefined)
  }
})
