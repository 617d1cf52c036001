import { setTimeout as sleep } from 'node:timers/promises'
import { type Member, startFleet } from '../fleet/scene.ts'
import { createRandom } from '../fuzz/random.ts'
import { eventually } from '../harness/eventually.ts'
import { startRedis } from '../harness/redis.ts'
import { onEnd, type Teardown } from '../harness/teardown.ts'
import { createDowntimes } from './downtimes.ts'
import { faults, type World } from './faults.ts'
import { type Asked, startLoad } from './load.ts'
import { limit, type Probe, probeLimit } from './probes.ts'
import { createVictim } from './targets.ts'

export interface ChaosSettings {
  readonly seed: number
  /** How long things break. Milliseconds. */
  readonly duration: number
  /** Requests per second. */
  readonly rate: number
  /** Of two workers each if they share through Redis. Without it one of one worker has nobody to share with. */
  readonly proxies: number
  readonly redis: boolean
  readonly targets: number
  say(line: string): void
}

export interface ChaosOutcome {
  readonly requests: number
  readonly faults: number
  /** Requests that ended with a process that was killed, or found none. */
  readonly excused: number
  /** Requests that could have been served, and what became of them. */
  readonly lost: readonly string[]
  readonly probes: readonly Probe[]
  /** Milliseconds until all proxies agreed on who is there, after the last was mended. */
  readonly converged: number
}

const poolCount = 20

/**
 * Breaks proxies, workers, targets and Redis in an order that follows from the seed, under load. Every pool keeps some
 * targets that live, so that every request could be served; one that was not is lost, unless the process that it was
 * in was killed under it.
 */
export async function runChaos(t: Teardown, settings: ChaosSettings): Promise<ChaosOutcome> {
  const began = performance.now()
  const say = (line: string): void =>
    settings.say(`${((performance.now() - began) / 1000).toFixed(1)} s  ${line}`)
  const pools = Array.from({ length: poolCount }, (_, at) => `pool${at}`)
  const redis = await startRedis(t)
  const fleet = await startFleet(t, {
    redis: settings.redis ? `{ address: "${redis.address}" }` : undefined,
    proxies: settings.proxies,
    workers: settings.redis ? 2 : 1,
    upstreams: `\n${pools.map((name) => `  ${name}: { leased: true }`).join('\n')}`,
    routes: `\n${pools.map((name) => `  - { name: ${name}, match: { path: /${name} }, to: ${name} }`).join('\n')}
  - name: limited
    match: { path: /limited }
    policies: { rateLimit: { limit: ${limit}, per: 5m, by: "header:x-client" } }
    to: pool0`,
  })
  const { proxies, token } = fleet
  const victims = Array.from({ length: settings.targets }, (_, at) => {
    const { admin } = proxies[at % proxies.length] as Member
    return createVictim({ pool: pools[at % poolCount] as string, id: `t${at}`, admin, token })
  })
  onEnd(t, () => {
    for (const victim of victims) victim.kill()
  })
  const downtimes = createDowntimes()
  const world: World = { redis, proxies, victims, downtimes, say }
  await Promise.all(victims.map((victim) => victim.start()))
  await agreed(proxies, settings.targets)
  // What was announced within the last half second may be in no snapshot yet, and a proxy that is killed then has not heard it.
  await sleep(1_000)
  say(`${proxies.length} proxies serve ${settings.targets} targets; seed ${settings.seed}`)

  const asked: Asked[] = []
  const stop = startLoad({
    urls: proxies.map(({ url }) => url),
    pools,
    rate: settings.rate,
    random: createRandom(settings.seed, 1),
    isUp: (at) => !downtimes.touched(`proxy ${at}`, performance.now(), performance.now()),
    done: (each) => asked.push(each),
  })
  // Whatever throws below, or the load would go on for ever and this process with it.
  onEnd(t, stop)
  const random = createRandom(settings.seed)
  const broken: Promise<void>[] = []
  const probes: Promise<Probe>[] = []
  const end = performance.now() + settings.duration
  while (performance.now() < end) {
    const fault = random.pick(faults)
    const isOfRedis = fault.name === 'killRedis' || fault.name === 'stopRedis'
    if (settings.redis || !isOfRedis) broken.push(fault(world, random))
    await sleep(400 + random.below(2_000))
    if (random.percent(40)) probes.push(probeLimit(`client-${probes.length}`, world))
  }
  await Promise.all(broken)
  say('all is mended')
  const mended = performance.now()
  await agreed(proxies, settings.targets)
  const converged = performance.now() - mended
  say(`all agree again after ${Math.round(converged)} ms`)
  probes.push(probeLimit('last', world))
  await Promise.all(probes)
  await stop()

  const failed = asked.filter(({ outcome }) => outcome !== '200')
  const lost = failed.filter((each) => !isExcused(each))
  return {
    requests: asked.length,
    faults: broken.length,
    excused: failed.length - lost.length,
    lost: lost.map(({ proxy, pool, from, until, outcome }) => {
      const at = ((from - began) / 1000).toFixed(1)
      return `${at} s  proxy ${proxy} ${pool}: ${outcome} after ${Math.round(until - from)} ms`
    }),
    probes: await Promise.all(probes),
    converged,
  }

  /** A status is never excused: whoever lives to answer could have served. */
  function isExcused({ proxy, from, until, outcome }: Asked): boolean {
    return !/^\d+$/.test(outcome) && downtimes.touched(`proxy ${proxy}`, from, until)
  }
}

/** All proxies know all targets, and each of them as well. */
async function agreed(proxies: readonly Member[], targets: number): Promise<void> {
  await eventually(
    async () => {
      for (const proxy of proxies) {
        const well = (await proxy.targets()).filter(({ health }) => health === 'well')
        if (well.length !== targets)
          throw new Error(`${proxy.admin} has ${well.length} of ${targets} targets`)
        const { reasons } = await proxy.readiness()
        if (reasons.length > 0) throw new Error(reasons.join())
      }
      return true
    },
    { timeout: 90_000, every: 100 },
  )
}
