import assert from 'node:assert/strict'
import { test } from 'node:test'
import { sampleRecord } from '../../test/harness/sample-record.ts'
import { readFilter, testOf } from './exchange-filter.ts'
import { createFollowedExchanges } from './followed-exchanges.ts'

test('what ends is kept from the first question on, for whom it fits, and told once', () => {
  const followed = createFollowedExchanges()
  followed.note(sampleRecord())
  assert.deepEqual(followed.take([{ status: '5xx' }]).exchanges, [])
  followed.note(sampleRecord({ status: 200 }))
  followed.note(sampleRecord({ status: 502, uri: '/api?token=secret' }))
  const { exchanges } = followed.take([{ status: '5xx' }])
  assert.deepEqual(
    exchanges.map(({ status, request }) => [status, request?.path]),
    [[502, '/api']],
  )
  assert.doesNotMatch(JSON.stringify(exchanges), /secret|curl/)
  assert.deepEqual(followed.take([{ status: '5xx' }]).exchanges, [])
  followed.take([])
  followed.note(sampleRecord({ status: 502 }))
  assert.deepEqual(followed.take([]).exchanges, [])
})

test('a flood is kept in part and counted whole, and takes nothing from a rarer filter', () => {
  const followed = createFollowedExchanges()
  const filters = [{}, { from: '198.51.100.7' }]
  followed.take(filters)
  for (let i = 0; i < 50_000; i++) followed.note(sampleRecord())
  followed.note(sampleRecord({ clientAddress: '198.51.100.7' }))
  const { exchanges, missed } = followed.take(filters)
  assert.equal(exchanges.length, 101)
  assert.deepEqual(missed, [49_901, 0])
  assert.equal(exchanges.at(-1)?.client, '198.51.100.7')
})

test('filters fit by route, status or class, address or network', () => {
  const cases: [filter: Parameters<typeof readFilter>[0], fits: boolean][] = [
    [{}, true],
    [{ route: 'photos-api' }, true],
    [{ route: 'photos' }, false],
    [{ status: '200' }, true],
    [{ status: '2XX' }, true],
    [{ status: '404' }, false],
    [{ from: '192.168.1.17' }, true],
    [{ from: '::ffff:192.168.1.17' }, true],
    [{ from: '192.168.0.0/16' }, true],
    [{ from: '10.0.0.0/8' }, false],
    [{ route: 'photos-api', status: '2xx', from: '192.168.1.0/24' }, true],
    [{ route: '', status: '', from: null }, true],
  ]
  for (const [filter, fits] of cases)
    assert.equal(testOf(readFilter(filter))(sampleRecord()), fits, JSON.stringify(filter))
  assert.equal(testOf({ route: '_other' })(sampleRecord({ route: undefined })), true)
})

test('a filter that means nothing is told in one sentence', () => {
  assert.throws(() => readFilter({ status: '7xx' }), /"7xx" is no status; write one such as 404/)
  assert.throws(() => readFilter({ from: 'example.org' }), /"example\.org" is no address/)
  assert.throws(() => readFilter({ route: 'x'.repeat(300) }), /no route has so long a name/)
})
