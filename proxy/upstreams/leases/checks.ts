import type { HealthConfig } from '../../config/upstream-schema.ts'

export interface ChecksSettings {
  /** From 0 to 1: makes the pauses between checks uneven. */
  random?(): number
  /** What a target turned out to be. Told when that is news, or was in doubt. */
  found(name: string, isWell: boolean, reason: string | undefined): void
}

/** Who is asked whether they are well, and when. One schedule for all targets of all upstreams. */
export interface Checks {
  /** Asks from now on: regularly if there is a `health`, else only when there is doubt. */
  watch(name: string, whom: Pick<Watched, 'ask' | 'health' | 'isWell'>): void
  /**
   * There is doubt: asks now, and believes one answer. While it is not well it is asked again and again, so that
   * it is back as soon as it answers.
   */
  doubt(name: string): void
  forget(name: string): void
  close(): void
}

/** After a restart thousands may be in doubt, and each takes a socket. */
const mostAtOnce = 64
/** Where the upstream names no interval, one that is not well is asked this often, ever less. Milliseconds. */
const firstPause = 500
const longestPause = 10_000

export function createChecks({ random = Math.random, found }: ChecksSettings): Checks {
  const watched = new Map<string, Watched>()
  const line: (() => void)[] = []
  let under = 0

  async function check(name: string, each: Watched): Promise<void> {
    if (each.asking) return
    each.asking = true
    clearTimeout(each.timer)
    if (under === mostAtOnce) await new Promise<void>((resolve) => line.push(resolve))
    else under++
    const fault = await each.ask()
    const next = line.shift()
    if (next) next()
    else under--
    each.asking = false
    // It may have gone meanwhile, and another may have taken its place.
    if (watched.get(name) !== each) return
    judge(name, each, fault)
    each.inDoubt = false
    plan(name, each)
  }

  function judge(name: string, each: Watched, fault: string | undefined): void {
    each.failures = fault === undefined ? 0 : each.failures + 1
    const isWell = fault === undefined || (each.isWell && !each.inDoubt && each.failures < mostOf(each))
    if (isWell === each.isWell && !each.inDoubt) return
    each.isWell = isWell
    found(name, isWell, fault)
  }

  function plan(name: string, each: Watched): void {
    clearTimeout(each.timer)
    const pause = pauseOf(each)
    if (pause === undefined) return
    const uneven = pause * (0.9 + 0.2 * random())
    each.timer = setTimeout(() => void check(name, each), uneven).unref()
  }

  return {
    watch(name, { ask, health, isWell }) {
      clearTimeout(watched.get(name)?.timer)
      const each: Watched = {
        ask,
        health,
        isWell,
        inDoubt: !isWell,
        asking: false,
        failures: 0,
        timer: undefined,
      }
      watched.set(name, each)
      if (health !== undefined || !isWell) void check(name, each)
    },
    doubt(name) {
      const each = watched.get(name)
      if (each === undefined) return
      each.inDoubt = true
      void check(name, each)
    },
    forget(name) {
      clearTimeout(watched.get(name)?.timer)
      watched.delete(name)
    },
    close() {
      for (const { timer } of watched.values()) clearTimeout(timer)
      watched.clear()
    },
  }
}

interface Watched {
  readonly ask: () => Promise<string | undefined>
  readonly health: HealthConfig | undefined
  /** As far as was known. */
  isWell: boolean
  /** What is answered now counts at once, and is told even if it is nothing new. */
  inDoubt: boolean
  asking: boolean
  failures: number
  timer: NodeJS.Timeout | undefined
}

function mostOf({ health }: Watched): number {
  return health?.failures ?? 1
}

/** Until the next check. Undefined: there is none, because nobody asked for any and there is no doubt. */
function pauseOf({ health, isWell, failures }: Watched): number | undefined {
  if (health !== undefined) return health.interval
  return isWell ? undefined : Math.min(longestPause, firstPause * 2 ** (failures - 1))
}
