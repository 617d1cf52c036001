import type { Logger } from '../observability/logger.ts'
import type { Member } from './member.ts'
import { beatEvery } from './messages.ts'

/** What a worker may have and take. Bytes and milliseconds; 0 is no limit. */
export interface WorkerLimits {
  readonly memory: number
  readonly stall: number
  readonly drain: number
  readonly stop: number
}

export interface MemberWatchSettings {
  members(): Iterable<Member>
  allowed(): WorkerLimits
  /** It holds too much, and is told of once. */
  outgrown(member: Member): void
  readonly log: Logger
}

/** Ends workers whose event loop does not turn, and finds those that hold too much. Answers how to stop. */
export function watchMembers({ members, allowed, outgrown, log }: MemberWatchSettings): () => void {
  const told = new WeakSet<Member>()

  function look(member: Member): void {
    const { memory, stall } = allowed()
    member.expectBeat()
    // Counted in turns of this loop, so that a machine that slept blames nobody.
    if (stall > 0 && member.silence * beatEvery > stall + beatEvery) {
      log.error('a worker does not answer and is ended', { pid: member.pid, afterMs: stall })
      member.kill()
    } else if (memory > 0 && member.memory > memory && member.state === 'ready' && !told.has(member)) {
      told.add(member)
      log.error('a worker holds too much memory and is replaced', { pid: member.pid, bytes: member.memory })
      outgrown(member)
    }
  }

  const timer = setInterval(() => {
    for (const member of members()) if (member.state !== 'starting') look(member)
  }, beatEvery).unref()
  return () => clearInterval(timer)
}
