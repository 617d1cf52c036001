import assert from 'node:assert/strict'
import { test } from 'node:test'
import { needs } from '../harness/parts.ts'
import { runChaos } from './chaos.ts'
import { judge } from './verdict.ts'

/** The short form of `make chaos`, which tries another order of faults each time. */

const seed = 20_783

for (const [what, proxies, targets, duration] of [
  ['two proxies of two workers, 100 targets and Redis', 2, 100, 10_000],
  ['one proxy of one worker without Redis', 1, 60, 6_000],
] as const)
  test(`${what}: whatever breaks, no request that could be served is lost`, {
    ...needs('redis'),
    timeout: 300_000,
  }, async (t) => {
    const timeline: string[] = []
    const outcome = await runChaos(t, {
      seed,
      duration,
      rate: 60,
      proxies,
      redis: proxies > 1,
      targets,
      say: (line) => timeline.push(line),
    })
    t.diagnostic(`${outcome.faults} faults, ${outcome.requests} requests, ${outcome.excused} excused`)
    assert.deepEqual(judge(outcome), [], `seed ${seed}\n${timeline.join('\n')}`)
  })
