import assert from 'node:assert/strict'
import { test } from 'node:test'
import { openAccessLogs } from '../observability/access-log.ts'
import { metricsJson } from '../observability/metrics.ts'
import { createRecentDecisions } from '../observability/recent-decisions.ts'
import type { Exchange } from '../request/exchange.ts'
import type { Route } from '../request/match/route.ts'
import type { Decision } from '../request/policies/ask.ts'
import { observeExchanges } from './observer.ts'

const gathered = { requestHeaders: [], responseHeaders: [], observed: [] }
const table: [what: string, decision: Decision, counted: string[]][] = [
  [
    'a pass counts for every policy',
    { outcome: 'pass', ...gathered },
    ['a allow pass', 'b allow pass', 'c allow pass'],
  ],
  [
    'a refusal counts for those before it, and for none after it',
    { outcome: 'deny', policy: 'b', code: 'address_denied', reason: 'not in a network', ...gathered },
    ['a allow pass', 'b deny address_denied'],
  ],
  [
    'a refusal in observe mode counts as observed, and not as passed',
    {
      outcome: 'pass',
      ...gathered,
      observed: [{ policy: 'a', reason: 'too many', code: 'rate_limited' }],
    },
    ['a observe rate_limited', 'b allow pass', 'c allow pass'],
  ],
  [
    'an answer of a policy is no refusal',
    { outcome: 'answer', policy: 'a', status: 204, reason: 'preflight', headers: [], ...gathered },
    ['a allow answer'],
  ],
]
for (const [what, decision, counted] of table) {
  test(what, async () => {
    // A name of its own: what was counted for the others stays.
    const route = { name: what, policies: [{ name: 'a' }, { name: 'b' }, { name: 'c' }] } as unknown as Route
    const accessLogs = openAccessLogs({
      default: { file: 'stdout', format: 'json', query: true },
      folder: '/nowhere',
    })
    observeExchanges(() => ({ accessLogs, traceLog: undefined }), createRecentDecisions()).decided(
      {} as Exchange,
      route,
      decision,
    )
    await accessLogs.close()
    const metric = (await metricsJson()).find(({ name }) => name === 'gatehouse_policy_decisions_total')
    const own = (metric?.values ?? []).filter(({ labels }) => labels.router === what)
    assert.deepEqual(
      own
        .map(
          ({ labels, value }) =>
            `${labels.policy} ${labels.decision} ${labels.reason}${value === 1 ? '' : ' twice'}`,
        )
        .sort(),
      counted,
    )
  })
}
