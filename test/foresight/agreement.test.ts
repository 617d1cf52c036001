import assert from 'node:assert/strict'
import { test } from 'node:test'
import { compareExplainAndProxy } from './agreement.ts'

/**
 * Found by this comparison: explain took a method in small letters for the one in capitals, where the parser answers
 * 400; and it did not show the fields that make a handshake one.
 */
test('explain and the running proxy never differ, over HTTP/1.1, HTTP/2 and upgrades', async (t) => {
  const seed = Date.now() % 2 ** 31
  const { asked, statuses, disagreements } = await compareExplainAndProxy(t, { requests: 2_000, seed })
  assert.deepEqual(disagreements, [], `seed ${seed}`)
  assert.equal(asked, 2_000)
  // A run that met one kind alone would have shown nothing.
  for (const status of [200, 308, 400, 401, 403, 405, 503])
    assert.ok((statuses[status] ?? 0) > 0, `no request got ${status}: ${JSON.stringify(statuses)}`)
})
