import { setTimeout as sleep } from 'node:timers/promises'
import { request } from '../harness/request.ts'

/** People who ask for a page again and again, and what became of it. */
export interface Users {
  /** What was asked since, by `performance.now()`. */
  since(moment: number): { readonly asked: number; readonly failed: number; readonly slowest: number }
  /** Whether the last ten were served, and quickly. */
  readonly content: boolean
  stop(): Promise<void>
}

const every = 100
/** Milliseconds after which somebody takes a page for slow. */
const patience = 2_500

/** `ca`: whom they trust over TLS. `post`: a body to send instead of asking for a page, one at a time, as a person signs in. */
export function startUsers(url: string, { post, ca }: { post?: string; ca?: string } = {}): Users {
  const asked: { at: number; took: number; failed: boolean }[] = []
  let goes = true
  const under = new Set<Promise<void>>()

  async function ask(): Promise<void> {
    const at = performance.now()
    const how =
      post === undefined
        ? {}
        : { method: 'POST', body: post, headers: { 'content-type': 'application/json' } }
    const failed = await request(url, { ...how, ca, timeout: 10_000 }).then(
      ({ status }) => status >= 400,
      () => true,
    )
    asked.push({ at, took: performance.now() - at, failed })
  }
  const running = (async () => {
    while (goes) {
      const one = ask()
      under.add(one)
      void one.then(() => under.delete(one))
      if (post !== undefined) await one
      await sleep(every)
    }
    await Promise.all(under)
  })()

  return {
    since(moment) {
      const those = asked.filter(({ at }) => at >= moment)
      return {
        asked: those.length,
        failed: those.filter(({ failed }) => failed).length,
        slowest: Math.max(0, ...those.map(({ took }) => took)),
      }
    },
    get content() {
      const last = asked.slice(-10)
      return last.length === 10 && last.every(({ failed, took }) => !failed && took < patience)
    },
    async stop() {
      goes = false
      await running
    },
  }
}
