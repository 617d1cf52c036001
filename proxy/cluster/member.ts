import type { Worker } from 'node:cluster'
import type { MetricsJson } from '../observability/metrics.ts'
import type { LimitStore } from '../request/policies/context.ts'
import type { TargetNews } from '../upstreams/leases/news.ts'
import type { Forked } from './fork.ts'
import type { ClosedRoute, Ports, StartOrder, ToPrimary, ToWorker } from './messages.ts'
import { type Asker, createAsker } from './questions.ts'
import type { Patience } from './serving.ts'
import { countFor } from './shared-limits.ts'

/** One worker as the primary knows it. */
export interface Member {
  readonly pid: number | undefined
  /** Unix time in milliseconds. */
  readonly startedAt: number
  state: 'starting' | 'ready' | 'retiring'
  /** Bytes, as it said last. */
  readonly memory: number
  /** Beats that it owes: more than a few, and its event loop does not turn. */
  readonly silence: number
  /** A beat is due. */
  expectBeat(): void
  /** What it serves. */
  text: string
  /** What it said last when it was asked for its metrics. */
  readonly counted: MetricsJson | undefined
  ask: Asker['ask']
  /** Asks for its metrics. Never rejects. */
  count(timeLimit: number): Promise<void>
  setTicketKeys(keys: Buffer): void
  /** Before it has its order it has none of it, and will get all. */
  tellTargets(news: TargetNews): void
  /** Lets what is under way end. Answers when the process has ended. */
  stop(patience: Patience): Promise<void>
  kill(): void
}

export interface MemberEvents {
  /** What it shall serve; asked when it is there to listen. */
  order(): StartOrder
  readonly limits: LimitStore
  failed(sentence: string): void
  ready(ports: Ports, closedRoutes: readonly ClosedRoute[]): void
  trouble(sentence: string): void
  refused(target: string, reason: string): void
  /** It has missed news of targets. Answers all of it. */
  missed(): TargetNews
  /** The process has ended. `how`: a signal, or `code 1`. */
  exited(how: string): void
}

/** Milliseconds. A worker that has not said by then how its start went is stuck. */
const startLimit = 60_000
/** For its process to end after its requests have. */
const endLimit = 3_000

export function createMember({ worker, here }: Forked, events: MemberEvents): Member {
  const { process } = worker
  const asker = createAsker((message) => send(worker, message))
  const kill = (): void => void process.kill('SIGKILL')
  const stuck = setTimeout(kill, startLimit)
  const gone = new Promise<void>((resolve) => process.once('exit', () => resolve()))
  let counted: MetricsJson | undefined
  let ordered = false
  let memory = 0
  let silence = 0

  const member: Member = {
    pid: process.pid,
    startedAt: Date.now(),
    state: 'starting',
    text: '',
    get memory() {
      return memory
    },
    get silence() {
      return silence
    },
    expectBeat: () => void silence++,
    get counted() {
      return counted
    },
    ask: asker.ask,
    async count(timeLimit) {
      counted = await asker.ask('metrics', {}, timeLimit).catch(() => counted)
    },
    setTicketKeys: (keys) => send(worker, { kind: 'ticketKeys', keys: keys.toString('base64') }),
    tellTargets(news) {
      if (ordered) send(worker, { kind: 'targets', news })
    },
    async stop(patience) {
      if (member.state === 'starting') kill()
      const longest = Math.max(patience.requests, patience.tunnels) + endLimit
      const cut = setTimeout(kill, longest)
      // It may have ended before it can answer, which is as good.
      await asker.ask('stop', patience, longest).catch(() => undefined)
      await gone
      clearTimeout(cut)
    },
    kill,
  }

  worker.on('message', (message: ToPrimary) => {
    switch (message.kind) {
      case 'here':
        return
      case 'count':
        return void countFor(events.limits, message.asked).then((counts) =>
          send(worker, { kind: 'counted', counts }),
        )
      case 'answer':
        return asker.answered(message)
      case 'beat':
        silence = 0
        memory = message.memory
        return
      case 'trouble':
        return events.trouble(message.sentence)
      case 'refused':
        return events.refused(message.name, message.reason)
      case 'missed':
        return member.tellTargets(events.missed())
      case 'failed':
        clearTimeout(stuck)
        return events.failed(message.sentence)
      case 'ready':
        clearTimeout(stuck)
        return events.ready(message.ports, message.closedRoutes)
    }
  })
  void here.then(() => {
    const order = events.order()
    member.text = order.text
    send(worker, { kind: 'start', order })
    ordered = true
  })
  // A message that could not be sent; the exit that explains it follows.
  worker.on('error', () => {})
  process.once('exit', (code, signal) => {
    clearTimeout(stuck)
    const how = signal ?? `code ${code}`
    asker.ended(`worker ${process.pid} has ended (${how})`)
    events.exited(how)
  })
  return member
}

function send(worker: Worker, message: ToWorker): void {
  if (worker.isConnected()) worker.send(message, () => {})
}
