import { eventually } from '../harness/eventually.ts'
import { request } from '../harness/request.ts'
import { onEnd } from '../harness/teardown.ts'
import { withTeardown } from '../harness/with-teardown.ts'
import type { Fault } from './faults/fault.ts'
import { startPrometheus } from './prometheus.ts'
import { type Stage, startStage } from './stage.ts'
import { startUsers, type Users } from './users.ts'

/** What became of one fault. Seconds since it began; undefined: never. */
export interface Trial {
  readonly fault: Fault
  /** The alert fired, and what it said. */
  readonly fired: number | undefined
  readonly summary: string
  /** All that fired until then. */
  readonly others: readonly string[]
  readonly logged: number | undefined
  readonly shown: number | undefined
  readonly users: ReturnType<Users['since']>
  /** Those of a route that has nothing to do with it. */
  readonly neighbours: ReturnType<Users['since']>
  /** Seconds from the mend until users were served and nothing was complained of. */
  readonly well: number | undefined
}

/** Milliseconds. */
const settle = 4_000
const patience = 60_000

/** Breaks something under traffic, with a Prometheus that watches, and mends it again. */
export function runTrial(fault: Fault): Promise<Trial> {
  return withTeardown(async (t) => {
    const stage = await startStage(t, await fault.stage?.(t))
    const prometheus = await startPrometheus(t, stage)
    const listener = fault.overTls ? (stage.report.listeners.https as string) : stage.url
    const users = startUsers(listener + (fault.path ?? '/'), { post: fault.body, ca: stage.authority.cert })
    onEnd(t, () => users.stop())
    const neighbours = startUsers(`${stage.url}/pair`)
    onEnd(t, () => neighbours.stop())
    await eventually(() => users.content, { timeout: 30_000, every: 100 })
    await new Promise((resolve) => setTimeout(resolve, settle))
    const before = (await prometheus.firing()).map(({ name }) => name)
    if (before.length > 0) throw new Error(`${fault.name}: ${before.join()} fires before anything is broken`)

    const began = performance.now()
    const seconds = (): number => (performance.now() - began) / 1000
    const said = stage.process.output.stderr.length
    const mend = await fault.begin(stage)
    const until = async (attempt: () => Promise<boolean> | boolean): Promise<number | undefined> =>
      eventually(attempt, { timeout: patience, every: 200 }).then(seconds, () => undefined)
    const { gameDay } = fault
    const [fired, logged, shown] = await Promise.all([
      until(async () => (await prometheus.firing()).some(({ name }) => name === fault.alert)),
      gameDay?.log && until(() => gameDay.log?.test(stage.process.output.stderr.slice(said)) ?? false),
      gameDay && until(async () => gameDay.shows.test(await ask(stage, gameDay.command))),
    ])
    const alerts = await prometheus.firing()
    const meanwhile = { users: users.since(began), neighbours: neighbours.since(began) }
    const mending = performance.now()
    await mend()
    const well = await eventually(
      async () =>
        users.since(mending).asked > 5 &&
        users.content &&
        (await stage.ready()).reasons.length === 0 &&
        (await fault.isWell?.(stage)) !== false,
      { timeout: patience, every: 100 },
    ).then(
      () => (performance.now() - mending) / 1000,
      () => undefined,
    )
    return {
      fault,
      fired,
      summary: alerts.find(({ name }) => name === fault.alert)?.summary ?? '',
      others: [...new Set(alerts.map(({ name }) => name))].filter((name) => name !== fault.alert),
      logged,
      shown,
      ...meanwhile,
      well,
    }
  })
}

async function ask(stage: Stage, command: readonly string[] | `/${string}`): Promise<string> {
  if (typeof command !== 'string') return stage.gatehouse(...command)
  return (await request(stage.admin + command, { timeout: 5_000 })).text
}
