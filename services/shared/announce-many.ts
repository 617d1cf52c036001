import { type AdminCall, callerOf, pathOf } from './admin-call.ts'

/** A service that stands for many targets of one upstream: each desktop, each camera. */
export interface ManySettings extends AdminCall {
  readonly upstream: string
  /** Milliseconds without a heartbeat after which a target counts as gone. Default: 30,000. */
  readonly ttl?: number
  /** Told of what goes wrong, once until it goes right again. Default: a line on standard error. */
  onTrouble?(sentence: string): void
}

export interface ManyTarget {
  /** Of a keyed upstream: which pool. */
  readonly key?: string
  /** Default: `main`. */
  readonly id?: string
  readonly url: string
  readonly weight?: number
  readonly metadata?: Readonly<Record<string, string | number | boolean>>
}

export interface Many {
  /** Announces a target at once. Resolves when the proxy has heard of it. Again with another url, it moves. */
  add(target: ManyTarget): Promise<void>
  /** Ends its lease. Resolves when the proxy knows, or does not answer. */
  remove(target: { readonly key?: string; readonly id?: string }): Promise<void>
  readonly size: number
  /** Ends all leases, or only the heartbeats: then another process may go on with them. */
  close(how?: 'leave' | 'stay'): Promise<void>
}

/** Milliseconds. */
const longestRetry = 5_000
const perCall = 2_000
const connections = 4

interface Held extends ManyTarget {
  /** What the proxy answered to its announcement. Undefined: it has to be announced. */
  revision: string | undefined
  heard: PromiseWithResolvers<void>
}

/**
 * Announces many targets, and says that all of them live by one call for two thousand: a proxy spends a
 * microsecond on each, where a heartbeat of its own takes a hundred.
 */
export function announceMany({ upstream, ttl = 30_000, onTrouble, ...call }: ManySettings): Many {
  const tellTrouble = onTrouble ?? ((sentence) => process.stderr.write(`${sentence}\n`))
  const ask = callerOf(call, connections)
  const held = new Map<string, Held>()
  let failures = 0
  let closed = false
  let timer: NodeJS.Timeout | undefined

  function note(fault: string | undefined): boolean {
    if (fault === undefined) failures = 0
    else if (failures++ === 0) tellTrouble(`${upstream} cannot be announced: ${fault}`)
    return fault === undefined
  }

  async function announce(name: string, target: Held): Promise<boolean> {
    const { url, weight = 1, metadata = {} } = target
    const body = JSON.stringify({ url, ttl: `${ttl}ms`, weight, metadata })
    const answer = await ask('PUT', pathOf({ upstream, ...target }), body)
    // It may have been taken away, or have moved, meanwhile.
    if (held.get(name) !== target) return true
    if (!note(answer.fault)) return false
    target.revision = (JSON.parse(answer.text as string) as { revision?: string }).revision
    target.heard.resolve()
    return true
  }

  async function renew(names: readonly string[]): Promise<boolean> {
    const leases = Object.fromEntries(names.map((name) => [name, held.get(name)?.revision]))
    const answer = await ask('POST', '/v1/heartbeats', JSON.stringify({ upstream, leases }))
    if (!note(answer.fault)) return false
    const { unknown } = JSON.parse(answer.text as string) as { unknown: string[] }
    for (const name of unknown) {
      const target = held.get(name)
      if (target !== undefined) target.revision = undefined
    }
    return true
  }

  async function beat(): Promise<void> {
    clearTimeout(timer)
    const known = [...held].flatMap(([name, { revision }]) => (revision === undefined ? [] : [name]))
    let isHeard = true
    for (let at = 0; at < known.length && isHeard; at += perCall)
      isHeard = await renew(known.slice(at, at + perCall))
    for (const [name, target] of held)
      if (isHeard && target.revision === undefined) isHeard = await announce(name, target)
    if (closed) return
    const pause = isHeard ? ttl / 3 : Math.min(longestRetry, 200 * 2 ** (failures - 1))
    timer = setTimeout(() => void beat(), pause * (0.8 + 0.4 * Math.random()))
  }

  timer = setTimeout(() => void beat(), ttl / 3)
  return {
    get size() {
      return held.size
    },
    async add(target) {
      const name = nameOf(target)
      const heard = held.get(name)?.heard ?? Promise.withResolvers<void>()
      const added: Held = { ...target, revision: undefined, heard }
      held.set(name, added)
      // The heartbeats go on to try.
      if (!(await announce(name, added))) await heard.promise
    },
    async remove(target) {
      if (!held.delete(nameOf(target))) return
      await ask('DELETE', pathOf({ upstream, ...target }))
    },
    async close(how = 'leave') {
      closed = true
      clearTimeout(timer)
      const all = [...held.values()]
      held.clear()
      if (how === 'leave')
        await Promise.all(all.map((target) => ask('DELETE', pathOf({ upstream, ...target }))))
    },
  }
}

function nameOf({ key, id = 'main' }: { readonly key?: string; readonly id?: string }): string {
  return key === undefined ? id : `${key}/${id}`
}
