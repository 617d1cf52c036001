import type { RouteSummary } from '../admin/route-summary.ts'
import type { TargetUse } from '../admin/upstream-report.ts'
import type { ConfigProblem } from '../config/loaded.ts'
import type { ExchangeFilter } from '../observability/exchange-filter.ts'
import type { Logger } from '../observability/logger.ts'
import { type MetricsJson, recordWorkerEnd } from '../observability/metrics.ts'
import type { RecentDecision } from '../observability/recent-decisions.ts'
import type { AlpnProof } from '../request/accept/alpn-proofs.ts'
import type { LimitStore } from '../request/policies/context.ts'
import type { TargetNews } from '../upstreams/leases/news.ts'
import { createEndedCounts } from './ended-counts.ts'
import { forkWorker } from './fork.ts'
import { createMember, type Member } from './member.ts'
import { type WorkerLimits, watchMembers } from './member-watch.ts'
import type { Activated, ClosedRoute, Ports, Questions, StartOrder, Watched } from './messages.ts'
import { createRestartPace } from './restart-pace.ts'
import { createRota, type Replaced } from './rota.ts'

export interface WorkersSettings {
  readonly count: number
  /** What a worker may have and take, as routes.yaml has it now. */
  allowed(): WorkerLimits
  /** What a worker that starts now shall serve. */
  order(): StartOrder
  /** Where limits are counted for all of them. */
  readonly limits: LimitStore
  /** A worker could not connect to a target. */
  refused(target: string, reason: string): void
  /** A client asked for a host that no certificate has, and that may be given one. */
  hostWanted(host: string): void
  readonly log: Logger
}

/** One of them, as the admin listener shows it. */
export interface WorkerReport {
  readonly pid: number | undefined
  readonly state: Member['state']
  /** Unix ms. */
  readonly startedAt: number
  /** Bytes. */
  readonly memory: number
}

/**
 * The processes that serve. One that ends by itself is replaced, and the others go on meanwhile; one that spins is
 * ended, and one that holds too much memory retires when another has taken its place.
 */
export interface Workers {
  /** Answers the real ports when all of them serve. Throws what the first that cannot start has to say. */
  start(): Promise<{ ports: Ports; closedRoutes: readonly ClosedRoute[] }>
  /** How many serve now. */
  ready(): number
  /**
   * Has all that serve build this text, and if all of them can, swap it in. `commit` is called between the two:
   * from then on `order` answers the new text. Problems: nothing has changed anywhere.
   */
  reload(text: string, commit: () => void): Promise<ReloadAnswer>
  /** What all have counted, those that have ended included. One that does not answer counts as last told. */
  metrics(): Promise<MetricsJson[]>
  /** As the first that answers sees them. */
  routes(): Promise<readonly RouteSummary[]>
  /** What all of them together have under way with targets. */
  targets(): Promise<readonly TargetUse[]>
  /** Open tunnels of all of them, by route. */
  tunnels(): Promise<Readonly<Record<string, number>>>
  /** What all of them decided a while ago about one client, or about all: the newest first. */
  decisions(client: string | undefined, most: number): Promise<readonly RecentDecision[]>
  /** What each of them has counted, and what has ended of what fits a filter. One that does not answer is left out. */
  watch(filters: readonly ExchangeFilter[]): Promise<(Watched & { readonly pid: number | undefined })[]>
  list(): WorkerReport[]
  /** How many there shall be. */
  readonly wanted: number
  /** Another number of them. */
  resize(count: number): Promise<Replaced>
  /** Puts a new one in the place of each, one after the other: with it comes the code that is there now. */
  replaceAll(): Promise<Replaced>
  setTicketKeys(keys: Buffer): void
  /** Answers when all of them show these to an ACME authority. One that starts now finds them in its order. */
  setProofs(proofs: readonly AlpnProof[]): Promise<void>
  tellTargets(news: TargetNews): void
  /** Answers when the last has ended. `deadline`: milliseconds that requests have. */
  stop(deadline: number): Promise<void>
  /** At once. */
  kill(): void
}

export type ReloadAnswer = { readonly problems: ConfigProblem[] } | Activated

/** Milliseconds. A worker loads extensions, which may take ten seconds each, and builds. */
const prepareLimit = 60_000
const activateLimit = 10_000
const questionLimit = 2_000
/** What all workers say at about the same time is one thing. */
const sameFor = 10_000

export function createWorkers(settings: WorkersSettings): Workers {
  const { count, allowed, order, limits, refused, hostWanted, log } = settings
  const members = new Set<Member>()
  const pace = createRestartPace()
  const said = new Map<string, number>()
  const ended = createEndedCounts()
  /** Who waits for a worker that is to take the place of another. */
  const hires = new Map<Member, (fault: string | undefined) => void>()
  const rota = createRota({ count, serving: () => serving(), hire, allowed, log })
  const unwatch = watchMembers({
    members: () => members,
    allowed,
    outgrown: (member) => void rota.replace(member),
    log,
  })
  let phase: 'first start' | 'serving' | 'stopping' = 'first start'
  let firstStart: PromiseWithResolvers<Awaited<ReturnType<Workers['start']>>> | undefined

  function fork(hired?: (fault: string | undefined) => void): void {
    if (phase === 'stopping') return hired?.('it stops')
    const member = createMember(forkWorker(), {
      order,
      limits,
      failed(sentence) {
        if (firstStart) return firstStart.reject(new Error(sentence))
        answerHire(member, sentence)
        log.error('a worker cannot serve', { pid: member.pid, reason: sentence })
      },
      ready: (ports, closedRoutes) => void welcome(member, { ports, closedRoutes }),
      trouble: (sentence) => say(sentence),
      refused,
      wanted: hostWanted,
      missed: () => order().targets,
      exited: (how) => bury(member, how),
    })
    members.add(member)
    if (hired) hires.set(member, hired)
  }

  function answerHire(member: Member, fault: string | undefined): boolean {
    const hired = hires.get(member)
    hires.delete(member)
    hired?.(fault)
    return hired !== undefined
  }

  async function welcome(
    member: Member,
    told: { ports: Ports; closedRoutes: readonly ClosedRoute[] },
  ): Promise<void> {
    if (!(await followed(member))) return
    member.state = 'ready'
    if (phase === 'serving') log.info('a worker is ready', { pid: member.pid })
    if (firstStart && serving().length === rota.wanted) firstStart.resolve(told)
    answerHire(member, undefined)
  }

  /** A reload may have passed by while the worker was starting. */
  async function followed(member: Member): Promise<boolean> {
    try {
      while (member.text !== order().text) {
        const { text } = order()
        const { problems } = await member.ask('prepare', { text }, prepareLimit)
        if (problems[0]) throw new Error(problems[0].message)
        await member.ask('activate', {}, activateLimit)
        member.text = text
      }
      return true
    } catch (error) {
      log.error('a worker cannot follow the last reload and is replaced', { pid: member.pid, error })
      member.kill()
      return false
    }
  }

  function bury(member: Member, how: string): void {
    members.delete(member)
    void ended.add(member.counted)
    if (phase === 'stopping' || member.state === 'retiring') return
    recordWorkerEnd()
    // Whoever wanted it keeps the one whose place it should have taken.
    if (answerHire(member, `it ended before it could serve (${how})`)) return
    if (firstStart) return firstStart.reject(new Error(`a worker ended before it could serve (${how})`))
    const wait = pace.next(Date.now() - member.startedAt)
    log.error('a worker has ended and is replaced', { pid: member.pid, how, afterMs: wait })
    setTimeout(() => {
      if (active().length < rota.wanted) fork()
    }, wait)
  }

  /** Answers what was in the way, once the new one serves or cannot. */
  function hire(): Promise<string | undefined> {
    return new Promise((resolve) => fork(resolve))
  }

  function say(sentence: string): void {
    const now = Date.now()
    for (const [other, at] of said) if (now - at > sameFor) said.delete(other)
    if (said.has(sentence)) return
    said.set(sentence, now)
    log.warn(sentence)
  }

  const serving = (): Member[] => [...members].filter(({ state }) => state === 'ready')
  const active = (): Member[] => [...members].filter(({ state }) => state !== 'retiring')
  /** Those too that have tunnels left: what a new table forbids ends there as well. */
  const withTable = (): Member[] => [...members].filter(({ state }) => state !== 'starting')

  return {
    async start() {
      firstStart = Promise.withResolvers()
      for (let i = 0; i < rota.wanted; i++) fork()
      const told = await firstStart.promise
      firstStart = undefined
      phase = 'serving'
      return told
    },
    ready: () => serving().length,
    async reload(text, commit) {
      const asked = withTable()
      const answers = await Promise.allSettled(
        asked.map((member) => member.ask('prepare', { text }, prepareLimit)),
      )
      const problems = answers.map((answer) =>
        answer.status === 'fulfilled' ? answer.value.problems : [failure(answer)],
      )
      const bad = problems.find((each) => each.length > 0)
      if (bad) {
        await Promise.allSettled(asked.map((member) => member.ask('discard', {}, activateLimit)))
        return { problems: bad }
      }
      commit()
      const activated = await Promise.all(
        asked.map(async (member) => {
          try {
            const answer = await member.ask('activate', {}, activateLimit)
            member.text = text
            return [answer]
          } catch {
            // It has ended, or hangs; the one in its place starts with the new text.
            member.kill()
            return []
          }
        }),
      )
      await Promise.all(withTable().map(followed))
      const all = activated.flat()
      return {
        endedTunnels: all.reduce((sum, { endedTunnels }) => sum + endedTunnels, 0),
        closedRoutes: all[0]?.closedRoutes ?? [],
      }
    },
    async metrics() {
      // One that starts has counted nothing, and may be too busy with that to say so: Prometheus does not wait for long.
      await Promise.all(withTable().map((member) => member.count(questionLimit)))
      return [...members].flatMap(({ counted }) => (counted === undefined ? [] : [counted])).concat(ended.all)
    },
    list: () =>
      Array.from(members, ({ pid, state, startedAt, memory }) => ({ pid, state, startedAt, memory })),
    get wanted() {
      return rota.wanted
    },
    resize: rota.resize,
    replaceAll: rota.replaceAll,
    routes: () => Promise.any(serving().map((member) => member.ask('routes', {}, questionLimit))),
    targets: async () => (await answersOf(serving(), 'targets', {})).flat(),
    async tunnels() {
      const open: Record<string, number> = {}
      for (const answer of await answersOf(serving(), 'tunnels', {}))
        for (const [route, count] of Object.entries(answer)) open[route] = (open[route] ?? 0) + count
      return open
    },
    async decisions(client, most) {
      const answers = await answersOf(serving(), 'decisions', { client, most })
      return answers
        .flat()
        .sort((a, b) => b.at - a.at)
        .slice(0, most)
    },
    async watch(filters) {
      const answers = await Promise.all(
        withTable().map(({ pid, ask }) =>
          ask('watch', { filters }, questionLimit).then(
            (watched) => [{ ...watched, pid }],
            () => [],
          ),
        ),
      )
      return answers.flat()
    },
    tellTargets(news) {
      for (const member of members) member.tellTargets(news)
    },
    setTicketKeys(keys) {
      for (const member of members) member.setTicketKeys(keys)
    },
    async setProofs(proofs) {
      await answersOf([...members], 'proofs', { proofs })
    },
    async stop(deadline) {
      phase = 'stopping'
      unwatch()
      await Promise.all([...members].map((member) => member.stop({ requests: deadline, tunnels: 0 })))
    },
    kill() {
      phase = 'stopping'
      for (const member of members) member.kill()
    },
  }
}

/** What each has to say; one that does not answer says nothing. */
async function answersOf<Kind extends keyof Questions>(
  members: readonly Member[],
  about: Kind,
  ask: Questions[Kind]['ask'],
): Promise<Questions[Kind]['answer'][]> {
  const answers = await Promise.allSettled(members.map((member) => member.ask(about, ask, questionLimit)))
  return answers.flatMap((answer) => (answer.status === 'fulfilled' ? [answer.value] : []))
}

function failure({ reason }: PromiseRejectedResult): ConfigProblem {
  const message = reason instanceof Error ? reason.message : String(reason)
  return { severity: 'error', file: '', line: 0, column: 0, path: '', message }
}
