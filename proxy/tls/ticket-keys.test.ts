import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createTicketKeys, readTicketKeys, rotateTicketKeys } from './ticket-keys.ts'

test('keys are 48 bytes, never the same, and survive a message between processes', () => {
  const keys = createTicketKeys()
  assert.equal(keys.length, 48)
  assert.notDeepEqual(createTicketKeys(), keys)
  assert.deepEqual(readTicketKeys(keys.toString('base64')), keys)
  assert.throws(() => readTicketKeys('c2hvcnQ='), {
    message: 'ticket keys: expected 48 bytes in base64, got 5',
  })
})

test('a rotation tells each new key, on time and on demand, and stops', (t) => {
  t.mock.timers.enable({ apis: ['setInterval'] })
  const told: Buffer[] = []
  const rotation = rotateTicketKeys((keys) => told.push(keys), 1000)
  const first = rotation.current()
  assert.equal(told.length, 0)
  t.mock.timers.tick(1000)
  assert.equal(told.length, 1)
  assert.notDeepEqual(told[0], first)
  rotation.rotate()
  assert.equal(told.length, 2)
  assert.equal(rotation.current(), told[1])
  rotation.stop()
  t.mock.timers.tick(5000)
  assert.equal(told.length, 2)
})
