import { Agent } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import { request } from '../harness/request.ts'
import { onEnd, type Teardown } from '../harness/teardown.ts'

export interface Answer {
  /** Milliseconds from the start of the load to the request. */
  readonly at: number
  /** Milliseconds to the whole answer. */
  readonly took: number
  /** 0: none came. */
  readonly status: number
  readonly code?: string
  readonly retryAfter?: string
}

/** Clients that ask as often as told, whether or not they are answered: who finds no free connection opens one. */
export interface Crowd {
  ask(path?: string): Promise<Answer>
  /** `rate`: requests a second. */
  askOften(rate: number, seconds: number): Promise<Answer[]>
}

export function openCrowd(t: Teardown, url: string): Crowd {
  const agent = new Agent({ keepAlive: true, maxFreeSockets: Number.POSITIVE_INFINITY })
  onEnd(t, () => agent.destroy())
  const ask = async (path: string, began: number): Promise<Answer> => {
    const asked = performance.now()
    const outcome = await request(url + path, { agent, timeout: 60_000 }).catch(() => undefined)
    const { status = 0, text = '', headers } = outcome ?? {}
    return {
      at: asked - began,
      took: performance.now() - asked,
      status,
      code: status >= 400 ? JSON.parse(text).code : undefined,
      retryAfter: headers?.['retry-after'],
    }
  }
  return {
    ask: (path = '/') => ask(path, performance.now()),
    async askOften(rate, seconds) {
      const began = performance.now()
      const answers: Promise<Answer>[] = []
      for (let now = began; now - began < seconds * 1000; now = performance.now()) {
        while (answers.length < ((now - began) / 1000) * rate) answers.push(ask('/', began))
        await sleep(2)
      }
      return Promise.all(answers)
    },
  }
}

/** The value that so large a share of them does not exceed. */
export function quantile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN
}
