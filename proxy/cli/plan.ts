import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { keptSettings, withKept } from '../cluster/kept-settings.ts'
import { loadConfig } from '../config/load.ts'
import { formatProblem } from '../config/problem.ts'
import { readSource } from '../config/source.ts'
import { BuildError, type Gatehouse } from '../gatehouse.ts'
import { accessLogFiles } from '../rehearsal/access-log-files.ts'
import { differenceOf } from '../rehearsal/difference.ts'
import { buildOffline } from '../rehearsal/offline.ts'
import { replay } from '../rehearsal/replay.ts'
import { type LogClock, replayedLimits } from '../rehearsal/replayed-limits.ts'
import { findFailingTests } from '../rehearsal/route-tests.ts'
import { askAdmin } from './ask-admin.ts'
import type { CommandOutput } from './explain.ts'
import { type Plan, planText } from './plan-text.ts'
import { endedTunnels } from './plan-tunnels.ts'

export interface PlanArguments {
  /** The route table that might come. */
  readonly candidate: string
  /** The one that is there. */
  readonly file: string
  /** Access logs. Default: those of the table that is there. */
  readonly logs: readonly string[]
  readonly last: number
  readonly json: boolean
}

/**
 * `gatehouse plan`: what another route table would change: in its own words, and for the requests in the access log.
 * Exit code 0 if nothing changes, 1 if something does, 2 if it could not be put in force.
 */
export async function runPlan(args: PlanArguments, io: CommandOutput): Promise<number> {
  if (!Number.isInteger(args.last) || args.last < 1) {
    io.err('gatehouse plan: --last is not a number of requests; write one such as 10000')
    return 2
  }
  const [before, after] = [await loadConfig({ file: args.file }), await loadConfig({ file: args.candidate })]
  if (!before.ok || !after.ok) {
    const problems = [before, after].flatMap((loaded) => (loaded.ok ? [] : loaded.problems))
    for (const problem of problems) io.err(formatProblem(problem))
    return 2
  }
  const built: Gatehouse[] = []
  try {
    const clock: LogClock = { now: 0 }
    for (const { config } of [before, after])
      built.push(buildOffline(config, () => {}, replayedLimits(clock)))
    const [old, next] = built as [Gatehouse, Gatehouse]
    const files =
      args.logs.length > 0 ? args.logs : accessLogFiles(before.config).filter((file) => existsSync(file))
    const plan: Plan = {
      file: args.file,
      candidate: args.candidate,
      differences: differenceOf(await writtenIn(args.file), await writtenIn(args.candidate)),
      needRestart: withKept(after.config, keptSettings(before.config)).needRestart,
      endedTunnels: await countEnded(old, next),
      newWarnings: after.warnings.filter(
        ({ message }) => !before.warnings.some((other) => other.message === message),
      ),
      failingTests: await findFailingTests(after.config, process.env),
      replay: await replay(old, next, { files, last: args.last, clock, onProgress: progressOf(args, io) }),
    }
    io.out(args.json ? JSON.stringify(plan, null, 2) : planText(plan, io.colour))
    if (plan.failingTests.length > 0) return 2
    return plan.differences.length > 0 || plan.replay.changes.length > 0 ? 1 : 0
  } catch (error) {
    if (error instanceof BuildError) for (const problem of error.problems) io.err(formatProblem(problem))
    else io.err(`gatehouse plan: ${(error as Error).message}`)
    return 2
  } finally {
    for (const gatehouse of built) await gatehouse.close()
  }
}

// --- internal ---

/** The values as they stand in the file, before defaults: a change is told in the words of whoever made it. */
async function writtenIn(file: string): Promise<unknown> {
  return readSource(file, await readFile(file, 'utf8'), process.env).source?.value
}

async function countEnded(before: Gatehouse, after: Gatehouse): Promise<Plan['endedTunnels']> {
  const ended = endedTunnels(before.state.table, after.state.table)
  if (ended.length === 0) return []
  const open = await openTunnels(before.config.file)
  return ended.map((each) => ({ ...each, open: open?.[each.route] ?? (open && 0) }))
}

async function openTunnels(file: string): Promise<Readonly<Record<string, number>> | undefined> {
  try {
    return (await askAdmin<{ tunnels: Record<string, number> }>({ file }, '/v1/tunnels')).tunnels
  } catch {
    // Nobody runs, or not here: what would end is told without a count.
    return undefined
  }
}

/** One line that is written over, on a terminal; whoever reads a pipe waits for the answer alone. */
function progressOf({ json }: PlanArguments, io: CommandOutput): ((judged: number) => void) | undefined {
  if (json || !process.stderr.isTTY) return undefined
  let back = ''
  return (judged) => {
    io.err(`${back}${judged.toLocaleString('en')} requests judged by both tables`)
    back = '\u001b[1A\u001b[2K'
  }
}
