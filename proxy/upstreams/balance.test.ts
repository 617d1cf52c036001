import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { createBalance } from './balance.ts'
import type { Target } from './target.ts'

const targets = (...weights: number[]): Target[] =>
  weights.map(
    (weight, at) => ({ id: 'abcdefgh'[at], weight, turn: 0, inFlight: 0, since: 0 }) as unknown as Target,
  )

/** How often each was chosen, in many choices for as many clients. */
function shares(balance: string, among: Target[], { slowStart = 0, times = 6000, now = 0 } = {}): number[] {
  const choose = createBalance({ balance, slowStart })
  const counts = new Map(among.map((target) => [target, 0]))
  for (let i = 0; i < times; i++) {
    const chosen = choose(among, now, askerOf(`10.0.${i >> 8}.${i & 255}`))
    counts.set(chosen, (counts.get(chosen) ?? 0) + 1)
  }
  return [...counts.values()].map((count) => count / times)
}

const askerOf = (address: string, headers: Record<string, string> = {}) => ({
  client: { text: address },
  headers: { get: (name: string) => headers[name], all: (name: string) => [headers[name] ?? []].flat() },
})

function assertNear(found: number[], wanted: number[], within = 0.03): void {
  for (const [at, share] of wanted.entries())
    assert.ok(Math.abs((found[at] as number) - share) <= within, `${found} is not about ${wanted}`)
}

test('roundRobin gives each its turn, and by weight well mixed', () => {
  const among = targets(3, 1)
  const choose = createBalance({ balance: 'roundRobin', slowStart: 0 })
  assert.equal(Array.from({ length: 8 }, () => choose(among, 0, undefined).id).join(''), 'aabaaaba')
})

suite('shares follow weights', () => {
  for (const balance of ['roundRobin', 'client'])
    test(balance, () => assertNear(shares(balance, targets(1, 2, 3)), [1 / 6, 2 / 6, 3 / 6]))
})

test('leastConnections takes the one with the least to do for its weight', () => {
  const among = targets(1, 1, 4)
  for (const [at, inFlight] of [3, 2, 9].entries()) Object.assign(among[at] as Target, { inFlight })
  assert.deepEqual(shares('leastConnections', among, { times: 10 }), [0, 0, 1])
})

test('leastConnections shares out evenly where all have the same', () => {
  assertNear(shares('leastConnections', targets(1, 1, 1), { times: 300 }), [1 / 3, 1 / 3, 1 / 3])
})

test('twoChoices keeps away from the one with the most to do', () => {
  const among = targets(1, 1, 1)
  Object.assign(among[0] as Target, { inFlight: 50 })
  assertNear(shares('twoChoices', among), [0, 0.5, 0.5])
})

suite('the same client goes to the same target', () => {
  const clients = Array.from({ length: 1000 }, (_, i) => askerOf(`10.1.${i >> 8}.${i & 255}`))
  const choose = createBalance({ balance: 'client', slowStart: 0 })
  const among = targets(1, 1, 1, 1, 1)

  test('whatever the order of the targets', () => {
    const reversed = [...among].reverse()
    for (const client of clients) assert.equal(choose(among, 0, client), choose(reversed, 0, client))
  })

  test('and of a target that goes only its own clients move', () => {
    const [gone, ...left] = among
    for (const client of clients) {
      const before = choose(among, 0, client)
      if (before !== gone) assert.equal(choose(left, 0, client), before)
    }
  })

  test('by a header field, or by address where there is none', () => {
    const byUser = createBalance({ balance: 'header:X-User', slowStart: 0 })
    const chosen = new Set(
      clients.map(({ client }) => byUser(among, 0, askerOf(client.text, { 'x-user': 'alice' }))),
    )
    assert.equal(chosen.size, 1)
    assert.equal(new Set(clients.map((client) => byUser(among, 0, client))).size, 5)
  })
})

test('a target that is new works up to its full share', () => {
  const among = targets(1, 1)
  Object.assign(among[1] as Target, { since: 100_000 })
  const at = (now: number) => shares('roundRobin', among, { slowStart: 10_000, now })[1] as number
  assertNear([at(100_000), at(105_000), at(110_000)], [0.1 / 1.1, 1 / 3, 1 / 2], 0.01)
})
