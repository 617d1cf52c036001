import type { Logger } from '../observability/logger.ts'
import type { Member } from './member.ts'
import type { WorkerLimits } from './member-watch.ts'

/** How many workers there shall be, and who takes whose place. */
export interface Rota {
  readonly wanted: number
  /** Another number of them. */
  resize(count: number): Promise<Replaced>
  /** Puts a new one in the place of each, one after the other. */
  replaceAll(): Promise<Replaced>
  replace(member: Member): Promise<Replaced>
}

/** What became of a change of workers. */
export type Replaced =
  | { readonly outcome: 'replaced'; readonly workers: number }
  | { readonly outcome: 'failed'; readonly reason: string }

export interface RotaSettings {
  readonly count: number
  serving(): Member[]
  /** One more. Answers what was in the way, once it serves or cannot. */
  hire(): Promise<string | undefined>
  allowed(): WorkerLimits
  readonly log: Logger
}

/** For its last count before it goes. Milliseconds. */
const countLimit = 2_000

export function createRota({ count, serving, hire, allowed, log }: RotaSettings): Rota {
  let wanted = count
  let changes: Promise<unknown> = Promise.resolve()

  /** It gets nothing new, and ends when what it has has ended. */
  function retire(member: Member): void {
    member.state = 'retiring'
    const { stop, drain } = allowed()
    void member.count(countLimit).then(() => member.stop({ requests: stop, tunnels: drain }))
  }

  /** The old one goes when the new one serves, and stays if it cannot. */
  async function replaceEach(old: readonly Member[]): Promise<Replaced> {
    for (const member of old) {
      if (member.state !== 'ready' || !serving().includes(member)) continue
      const fault = await hire()
      if (fault !== undefined) {
        log.error('a new worker cannot serve; those before stay', { reason: fault })
        return { outcome: 'failed', reason: fault }
      }
      retire(member)
    }
    return { outcome: 'replaced', workers: old.length }
  }

  async function resizeTo(next: number): Promise<Replaced> {
    // One worker alone counts limits for itself, and must not go on to when there are more.
    const alone = wanted === 1 && next > 1 ? serving() : []
    const before = wanted
    wanted = next
    for (let more = next - serving().length; more > 0; more--) {
      const fault = await hire()
      if (fault === undefined) continue
      wanted = before
      log.error('a new worker cannot serve; there are no more than before', { reason: fault })
      return { outcome: 'failed', reason: fault }
    }
    const became = await replaceEach(alone)
    for (const member of serving().slice(next)) retire(member)
    return became.outcome === 'failed' ? became : { outcome: 'replaced', workers: next }
  }

  /** One after the other: two at once would replace what the other has just brought. */
  function inTurn<T>(change: () => Promise<T>): Promise<T> {
    const turn = changes.then(change)
    changes = turn.catch(() => undefined)
    return turn
  }

  return {
    get wanted() {
      return wanted
    },
    resize: (next) => inTurn(() => resizeTo(next)),
    replaceAll: () => inTurn(() => replaceEach(serving())),
    replace: (member) => inTurn(() => replaceEach([member])),
  }
}
