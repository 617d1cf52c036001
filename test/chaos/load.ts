import type { Random } from '../fuzz/random.ts'
import { request } from '../harness/request.ts'

/** What became of one request. Times in milliseconds of performance.now(). */
export interface Asked {
  readonly proxy: number
  readonly pool: string
  readonly from: number
  readonly until: number
  /** A status, or the code of a socket's error. */
  readonly outcome: string
}

export interface LoadSettings {
  readonly urls: readonly string[]
  readonly pools: readonly string[]
  readonly rate: number
  readonly random: Random
  /** As a balancer in front of the proxies would know it. */
  isUp(proxy: number): boolean
  done(asked: Asked): void
}

/** Asks at a steady rate, whatever becomes of what was asked before. Answers how to stop, once all are answered. */
export function startLoad({ urls, pools, rate, random, isUp, done }: LoadSettings): () => Promise<void> {
  const open = new Set<Promise<void>>()
  let owed = 0
  let last = performance.now()

  async function ask(): Promise<void> {
    const up = [...urls.keys()].filter(isUp)
    const proxy = random.pick(up.length > 0 ? up : [...urls.keys()])
    const pool = pools[random.below(pools.length)] as string
    const from = performance.now()
    const outcome = await request(`${urls[proxy]}/${pool}`, { timeout: 60_000 }).then(
      ({ status }) => String(status),
      ({ code, name }) => String(code ?? name),
    )
    done({ proxy, pool, from, until: performance.now(), outcome })
  }

  const timer = setInterval(() => {
    const now = performance.now()
    owed = Math.min(rate, owed + ((now - last) * rate) / 1000)
    last = now
    for (; owed >= 1; owed--) {
      const asked: Promise<void> = ask().finally(() => open.delete(asked))
      open.add(asked)
    }
  }, 10)
  return async () => {
    clearInterval(timer)
    await Promise.all(open)
  }
}
