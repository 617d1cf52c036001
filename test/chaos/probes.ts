import type { Member } from '../fleet/scene.ts'
import { request } from '../harness/request.ts'
import type { Downtimes } from './downtimes.ts'

/** How many of a client's requests the fleet let pass, of a limit that it should have held. */
export interface Probe {
  readonly passed: number
  /** Nothing that counts was broken meanwhile: it must be the limit, to within one percent. */
  readonly undisturbed: boolean
}

export const limit = 100

/** One client asks all proxies at once, more often than it may. */
export async function probeLimit(
  client: string,
  { proxies, downtimes }: { proxies: readonly Member[]; downtimes: Downtimes },
): Promise<Probe> {
  const from = performance.now()
  const before = await countedHere(proxies)
  const outcomes = await Promise.all(
    Array.from({ length: limit * 1.5 }, (_, at) =>
      request(`${proxies[at % proxies.length]?.url}/limited`, {
        headers: { 'x-client': client },
        timeout: 60_000,
      }).then(
        ({ status }) => status,
        () => 0,
      ),
    ),
  )
  const after = await countedHere(proxies)
  const until = performance.now()
  const parts = ['redis', ...proxies.map((_, at) => `proxy ${at}`)]
  const isWhole = !parts.some((part) => downtimes.touched(part, from, until))
  return {
    passed: outcomes.filter((status) => status === 200).length,
    // A machine too busy to hear Redis in time is a disturbance, too.
    undisturbed: isWhole && after === before && until - from < 20_000,
  }
}

async function countedHere(proxies: readonly Member[]): Promise<number> {
  const counts = await Promise.all(
    proxies.map((proxy) => proxy.metric('gatehouse_limit_counts_total{by="here"}').catch(() => undefined)),
  )
  return counts.reduce<number>((sum, count) => sum + (count ?? Number.NaN), 0)
}
