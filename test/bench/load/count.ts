import { type Answer, ask, type Question } from '../contenders/ask.ts'
import type { Running } from '../contenders/running.ts'
import { cpuTimeOf } from '../machine/process-tree.ts'
import { assertPlainAnswer, type PlainUpstream } from '../upstreams/plain.ts'

/** What a load generator says of a run in which nothing went wrong. */
export interface Outcome {
  readonly requests: number
  readonly seconds: number
}

export interface Counted {
  /** Requests answered in a second. */
  readonly rate: number
  /** CPU time of the proxy's processes for one request, in microseconds. */
  readonly cpu: number
}

/**
 * Counts a run. What a single request is answered is looked at before it and after it, and the upstream must have
 * seen every request that was counted: an answer from somewhere else is not relayed.
 */
export async function count(
  proxy: Running,
  upstream: PlainUpstream,
  { question, load }: { question: Question; load: () => Promise<Outcome> },
): Promise<Counted> {
  await assertAnswer(question)
  const seenBefore = await upstream.count()
  const cpuBefore = cpuTimeOf(proxy.pid)
  const { requests, seconds } = await load()
  const cpu = cpuTimeOf(proxy.pid) - cpuBefore
  const seen = (await upstream.count()) - seenBefore
  proxy.assertAlive()
  if (requests < 100) throw new Error(`Only ${requests} requests were answered.`)
  if (seen < requests) throw new Error(`${requests} requests were answered, and the upstream saw ${seen}.`)
  await assertAnswer(question)
  return { rate: requests / seconds, cpu: cpu / requests / 1000 }
}

async function assertAnswer(question: Question): Promise<Answer> {
  const answer = await ask(question)
  assertPlainAnswer(answer, `port ${question.port}`)
  return answer
}
