/**
 * Spoilt requests and frames against the listeners in the clear, of TLS and of HTTP/2. The short form of `make fuzz`.
 * What fails is made again with `SEED=… FIRST=… make fuzz`.
 */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { makeAttack } from './attack.ts'
import { runFuzz } from './fuzz.ts'
import { createRandom } from './random.ts'

const seed = Number(process.env.SEED) || Date.now() % 2 ** 31

test(`ten seconds of spoilt bytes do no harm (seed ${seed})`, { timeout: 55_000 }, async (t) => {
  const { attacks, canaries } = await runFuzz({ seed, duration: 10_000 })
  t.diagnostic(`seed ${seed}: ${attacks} attacks, ${canaries} times all honest clients between them`)
  assert.ok(attacks > 200, `only ${attacks} attacks were made`)
  assert.ok(canaries > 0)
})

describe('what a failure names can be made again', () => {
  test('an attack follows from its seed and number', () => {
    for (const number of [0, 1, 77]) assert.deepEqual(makeAttack(5, number), makeAttack(5, number))
    assert.notDeepEqual(makeAttack(5, 1), makeAttack(5, 2))
    assert.notDeepEqual(makeAttack(5, 1), makeAttack(6, 1))
  })
  test('all doors are tried', () => {
    const doors = new Set(Array.from({ length: 100 }, (_, number) => makeAttack(1, number).door))
    assert.deepEqual([...doors].sort(), ['h2', 'handshake', 'plain', 'tls'])
  })
  test('numbers are spread over their range', () => {
    const { below } = createRandom(3)
    const drawn = new Set(Array.from({ length: 500 }, () => below(16)))
    assert.equal(drawn.size, 16)
  })
})
