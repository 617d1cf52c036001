import assert from 'node:assert/strict'
import { test } from 'node:test'
import { needs } from '../harness/parts.ts'
import { runChaos } from './chaos.ts'
import { judge } from './verdict.ts'

/** The short form of `make chaos`. Its seed is another each day, and is told when it fails. */

const seed = Math.floor(Date.now() / 86_400_000)

for (const [what, redis, targets, duration] of [
  ['three proxies of two workers, 200 targets and Redis', true, 200, 12_000],
  ['one proxy of one worker without Redis', false, 100, 8_000],
] as const)
  test(`${what}: whatever breaks, no request that could be served is lost`, needs('redis'), async (t) => {
    const timeline: string[] = []
    const outcome = await runChaos(t, {
      seed,
      duration,
      rate: 60,
      redis,
      targets,
      say: (line) => timeline.push(line),
    })
    t.diagnostic(`${outcome.faults} faults, ${outcome.requests} requests, ${outcome.excused} excused`)
    assert.deepEqual(judge(outcome), [], `seed ${seed}\n${timeline.join('\n')}`)
  })
