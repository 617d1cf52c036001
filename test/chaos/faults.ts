import { readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Member } from '../fleet/scene.ts'
import type { Random } from '../fuzz/random.ts'
import type { RunningRedis } from '../harness/redis.ts'
import type { Downtimes } from './downtimes.ts'
import type { Victim } from './targets.ts'

export interface World {
  readonly redis: RunningRedis
  readonly proxies: readonly Member[]
  readonly victims: readonly Victim[]
  readonly downtimes: Downtimes
  say(what: string): void
}

/** Breaks something, and mends it after a while. Resolves when it is mended. */
export type Fault = (world: World, random: Random) => Promise<void>

/** A fault of each kind, as often as it stands here. */
export const faults: readonly Fault[] = [
  killTargets,
  killTargets,
  killTargets,
  leaveTargets,
  killProxy,
  killProxy,
  killWorker,
  killRedis,
  stopRedis,
  replaceWorkers,
]

async function killTargets(world: World, random: Random): Promise<void> {
  const chosen = chooseTargets(world, random, 1 + random.below(30))
  world.say(`${chosen.length} targets are killed`)
  for (const victim of chosen) victim.kill()
  await sleep(1_000 + random.below(6_000))
  await Promise.all(chosen.map((victim) => victim.start()))
}

async function leaveTargets(world: World, random: Random): Promise<void> {
  const chosen = chooseTargets(world, random, 1 + random.below(10))
  world.say(`${chosen.length} targets leave`)
  await Promise.all(chosen.map((victim) => victim.leave()))
  await sleep(500 + random.below(2_000))
  await Promise.all(chosen.map((victim) => victim.start()))
}

/**
 * One of each pool stays alive, so that every request could be served. Chosen before anything is awaited, so that two
 * faults at once cannot take the last.
 */
function chooseTargets({ victims }: World, random: Random, count: number): Victim[] {
  const left = new Map<string, number>()
  for (const { pool, alive } of victims) if (alive) left.set(pool, (left.get(pool) ?? 0) + 1)
  const chosen = new Set<Victim>()
  for (let tries = 0; tries < count * 3 && chosen.size < count; tries++) {
    const victim = random.pick(victims)
    const others = (left.get(victim.pool) ?? 0) - 1
    if (!victim.alive || chosen.has(victim) || others < 1) continue
    left.set(victim.pool, others)
    chosen.add(victim)
  }
  return [...chosen]
}

const busy = new Set<string>()

/** A part that is broken already is left alone. */
async function once(part: string, work: () => Promise<void>): Promise<void> {
  if (busy.has(part)) return
  busy.add(part)
  await work().finally(() => busy.delete(part))
}

function killProxy({ proxies, downtimes, say }: World, random: Random): Promise<void> {
  const at = random.below(proxies.length)
  const proxy = proxies[at] as Member
  // One stays, if there are several, so that every request could be served.
  const others = [...proxies.keys()].filter((other) => other !== at)
  if (others.length > 0 && others.every((other) => busy.has(`proxy ${other}`))) return Promise.resolve()
  const pause = 200 + random.below(3_000)
  return once(`proxy ${at}`, async () => {
    say(`proxy ${at} is killed`)
    const back = downtimes.begin(`proxy ${at}`)
    await proxy.process.stop('SIGKILL')
    await sleep(pause)
    await proxy.start()
    back()
    say(`proxy ${at} serves again`)
  })
}

function killWorker({ proxies, downtimes, say }: World, random: Random): Promise<void> {
  const at = random.below(proxies.length)
  const proxy = proxies[at] as Member
  return once(`proxy ${at}`, async () => {
    // The last one that serves has nobody to leave its requests to.
    const { reasons } = await proxy.readiness()
    const pids = childrenOf(proxy.process.child.pid as number)
    if (pids.length < 2 || reasons.some((reason) => reason.includes('worker'))) return
    const pid = random.pick(pids)
    say(`a worker of proxy ${at} is killed`)
    const back = downtimes.begin(`proxy ${at}`)
    process.kill(pid, 'SIGKILL')
    // What was in flight there is lost. What comes later is for the other.
    await sleep(50)
    back()
  })
}

function replaceWorkers({ proxies, say }: World, random: Random): Promise<void> {
  const at = random.below(proxies.length)
  return once(`proxy ${at}`, async () => {
    say(`the workers of proxy ${at} are replaced`)
    proxies[at]?.process.child.kill('SIGUSR2')
    await sleep(3_000)
  })
}

function killRedis({ redis, downtimes, say }: World, random: Random): Promise<void> {
  const pause = 1_000 + random.below(5_000)
  return once('redis', async () => {
    say('Redis is killed')
    const back = downtimes.begin('redis')
    await redis.signal('SIGKILL')
    await sleep(pause)
    await redis.start()
    // Until all have found it again.
    await sleep(6_000)
    back()
    say('Redis is back, empty')
  })
}

function stopRedis({ redis, downtimes, say }: World, random: Random): Promise<void> {
  const pause = 1_000 + random.below(5_000)
  return once('redis', async () => {
    say('Redis hangs')
    const back = downtimes.begin('redis')
    await redis.signal('SIGSTOP')
    await sleep(pause)
    await redis.signal('SIGCONT')
    await sleep(6_000)
    back()
    say('Redis goes on')
  })
}

function childrenOf(pid: number): number[] {
  try {
    const text = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8')
    return text.split(' ').filter(Boolean).map(Number)
  } catch {
    return []
  }
}
