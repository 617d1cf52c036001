import assert from 'node:assert/strict'
import { eventually } from '../harness/eventually.ts'
import { request } from '../harness/request.ts'
import type { Fleet } from './scene.ts'

/** How many of so many requests of one client the fleet lets pass to `/few`, asked of all these proxies at once. */
export async function passedBy(
  { proxies }: Pick<Fleet, 'proxies'>,
  client: string,
  asks: number,
): Promise<number> {
  const replies = await Promise.all(
    Array.from({ length: asks }, (_, at) =>
      request(`${proxies[at % proxies.length]?.url}/few`, {
        headers: { 'x-client': client },
        timeout: 30_000,
      }),
    ),
  )
  const statuses = replies.map(({ status }) => status)
  assert.deepEqual(
    statuses.filter((status) => status !== 200 && status !== 429),
    [],
  )
  return statuses.filter((status) => status === 200).length
}

/**
 * A limit of 100 is 100 in the whole fleet. On a machine so busy that a proxy gave Redis up for a moment, it counted
 * for itself; then another client is asked.
 */
export async function limitHolds(fleet: Fleet, client: string): Promise<void> {
  assert.equal(await undisturbed(fleet, (round) => passedBy(fleet, `${client} ${round}`, 240)), 100)
}

/** The same with something else to be done and counted, until no proxy gave Redis up meanwhile. */
export async function undisturbed(fleet: Fleet, count: (round: number) => Promise<number>): Promise<number> {
  let round = 0
  const ask = async (): Promise<number | false> => {
    const before = await countedHere(fleet)
    const passed = await count(round++)
    return (await countedHere(fleet)) === before && passed
  }
  return (await eventually(ask, { timeout: 60_000, every: 200 })) as number
}

async function countedHere({ proxies }: Fleet): Promise<number> {
  const counts = await Promise.all(
    proxies.map((proxy) => proxy.metric('gatehouse_limit_counts_total{by="here"}')),
  )
  return counts.reduce<number>((sum, count) => sum + (count ?? 0), 0)
}
