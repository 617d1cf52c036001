import { eventually } from '../harness/eventually.ts'
import { withTeardown } from '../harness/with-teardown.ts'
import { launch, makeAttack } from './attack.ts'
import { setStage } from './stage.ts'

export interface FuzzOptions {
  seed: number
  /** Milliseconds. */
  duration: number
  /** Number of the first attack, to go on where another run was, or to make one again. */
  first?: number
  /** Told now and then. */
  progress?: (attacks: number, canaries: number) => void
}

export interface FuzzOutcome {
  attacks: number
  canaries: number
  /** Bytes of memory that the process had more of at the end than after the first tenth. */
  growth: number
}

/** Attacks that are under way at the same time. */
const lanes = 8
/** Attacks between two honest clients. */
const between = 50

/**
 * Sends spoilt bytes to every listener for so long. Rejects, with the numbers of the last attacks, if an honest
 * client is not served by its own route, a 500 is answered, an upstream gets what it cannot read, or at the end
 * an exchange or a socket is left. A crash or an unhandled rejection ends the process, as it should.
 */
export function runFuzz({ seed, duration, first = 0, progress }: FuzzOptions): Promise<FuzzOutcome> {
  return withTeardown(async (t) => {
    const stage = await setStage(t)
    await stage.askAsHonestClient()
    const socketsBefore = openSockets()
    const start = performance.now()
    const outcome = { attacks: 0, canaries: 0, growth: 0 }
    let early: number | undefined
    const walk = async (): Promise<void> => {
      while (performance.now() - start < duration) {
        const number = first + outcome.attacks++
        const reply = await launch(makeAttack(seed, number), stage.ports)
        if (/^HTTP\/1\.1 500 /m.test(reply))
          throw new Error(`Attack ${number} was answered 500:\n${reply.slice(0, 500)}`)
        if (stage.garbled.length > 0)
          throw new Error(`An upstream could not read the proxy: ${stage.garbled.join()}`)
        if (number % between === 0) {
          await stage.askAsHonestClient()
          outcome.canaries++
          progress?.(outcome.attacks, outcome.canaries)
        }
        if (early === undefined && performance.now() - start > duration / 10)
          early = process.memoryUsage().rss
      }
    }
    try {
      await Promise.all(Array.from({ length: lanes }, walk))
      await stage.askAsHonestClient()
      await eventually(() => stage.inFlight() === 0, { timeout: 10_000 })
      await eventually(() => openSockets() <= socketsBefore, { timeout: 15_000, every: 100 })
    } catch (error) {
      const last = first + outcome.attacks
      throw new Error(
        `Seed ${seed}, at attacks ${Math.max(first, last - lanes)} to ${last}: ${(error as Error).message}. ` +
          `${stage.inFlight()} exchanges under way, ${openSockets()} sockets open (${socketsBefore} before).`,
        { cause: error },
      )
    }
    outcome.growth = process.memoryUsage().rss - (early ?? 0)
    return outcome
  })
}

function openSockets(): number {
  return process.getActiveResourcesInfo().filter((resource) => resource === 'TCPSocketWrap').length
}
