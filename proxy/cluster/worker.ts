import cluster from 'node:cluster'
import { loadConfig } from '../config/load.ts'
import type { ConfigProblem, LoadedConfig } from '../config/loaded.ts'
import { formatProblem } from '../config/problem.ts'
import { BuildError } from '../gatehouse.ts'
import { logger } from '../observability/logger.ts'
import { metricsJson, routeTotals, startProcessMetrics } from '../observability/metrics.ts'
import { memoryLimits } from '../request/policies/rate-limit.ts'
import { readTicketKeys } from '../tls/ticket-keys.ts'
import { createDirectory } from '../upstreams/leases/directory.ts'
import { type KeptSettings, withKept } from './kept-settings.ts'
import { beatEvery, type StartOrder, type ToPrimary, type ToWorker } from './messages.ts'
import { openTunnels } from './old-tunnels.ts'
import { ownAddresses } from './own-addresses.ts'
import { type Answers, answerQuestion } from './questions.ts'
import { type PreparedServing, portsOf, type Serving, startServing } from './serving.ts'
import { sharedLimits } from './shared-limits.ts'
import { version } from './version.ts'

/**
 * The whole of a worker process: it is forked with this file. It serves what the primary tells it to, and ends
 * when it is told to, when its primary is gone, or when anything is thrown that nobody caught: a process in an
 * unknown state serves nobody.
 */

const log = logger.child(`worker ${cluster.worker?.id ?? process.pid}`)
const directory = createDirectory()
const shared = sharedLimits((asked) => tell({ kind: 'count', asked }))
let serving: Serving | undefined
let prepared: PreparedServing | undefined
let kept: KeptSettings | undefined
let file = ''
let memory = 0
/** How long requests have to end if the primary vanishes. Milliseconds. */
let patience = 0

const answers: Answers = {
  async prepare({ text }) {
    await prepared?.discard()
    prepared = undefined
    const loaded = await load(text)
    if ('problems' in loaded) return { problems: loaded.problems }
    try {
      prepared = await serving?.prepare(loaded.config)
      patience = loaded.config.limits.stop
      return { problems: [] }
    } catch (error) {
      return { problems: problemsOf(error) }
    }
  },
  async activate() {
    if (prepared === undefined) throw new Error('nothing is prepared')
    const next = prepared
    prepared = undefined
    return next.activate()
  },
  async discard() {
    await prepared?.discard()
    prepared = undefined
    return {}
  },
  proofs({ proofs }) {
    serving?.setProofs(proofs)
    return {}
  },
  metrics: () => metricsJson(),
  routes: () => serving?.routes() ?? [],
  targets: () => serving?.targets() ?? [],
  tunnels: () => (serving === undefined ? {} : openTunnels(serving.gatehouse)),
  decisions: ({ client, most }) =>
    (client === undefined ? serving?.recent.latest(most) : serving?.recent.about(client)) ?? [],
  watch: ({ filters }) => ({
    routes: routeTotals(),
    followed: serving?.followed.take(filters) ?? { exchanges: [], missed: [] },
  }),
  async stop(allowed) {
    await serving?.stop(allowed)
    // The answer goes out first.
    setImmediate(() => process.exit(0))
    return {}
  },
}

process.on('message', (message: ToWorker) => {
  switch (message.kind) {
    case 'start':
      return void start(message.order)
    case 'counted':
      return shared.counted(message.counts)
    case 'targets':
      if (!directory.apply(message.news)) tell({ kind: 'missed' })
      return
    case 'ticketKeys':
      return serving?.setTicketKeys(readTicketKeys(message.keys))
    case 'question':
      return void answerQuestion(answers, message).then(tell)
  }
})

// A terminal and systemd send these to every process of the group. The primary alone decides what they mean.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT', 'SIGUSR2'] as const)
  process.on(signal, () => {})

process.on('uncaughtException', fail)
process.on('unhandledRejection', fail)

cluster.worker?.once('disconnect', () => {
  if (cluster.worker?.exitedAfterDisconnect) return
  if (serving === undefined) process.exit(1)
  log.error('the primary is gone, so this worker ends')
  // Without it node:cluster would end the process at once, and with it what is under way.
  if (cluster.worker) cluster.worker.exitedAfterDisconnect = true
  void serving.stop({ requests: patience, tunnels: 0 }).finally(() => process.exit(1))
})

tell({ kind: 'here' })
setInterval(() => tell({ kind: 'beat', memory: residentMemory() }), beatEvery).unref()

// --- internal ---

/**
 * Bytes. It is read from a file, which a process without a free descriptor cannot open: then as it was last. A flood of
 * connections took every descriptor, the beat threw, and each worker ended in turn.
 */
function residentMemory(): number {
  try {
    memory = process.memoryUsage.rss()
  } catch {
    // The next beat tells.
  }
  return memory
}

async function start(order: StartOrder): Promise<void> {
  file = order.file
  kept = order.kept
  directory.apply(order.targets)
  const loaded = await load(order.text)
  if ('problems' in loaded) return giveUp(loaded.problems)
  patience = loaded.config.limits.stop
  startProcessMetrics(version)
  try {
    serving = await startServing({
      config: loaded.config,
      env: process.env,
      limits: order.sharedLimits ? shared : memoryLimits(),
      ticketKeys: readTicketKeys(order.ticketKeys),
      targets: {
        directory,
        own: () => ownAddresses(serving === undefined ? {} : portsOf(serving), order.admin),
        refused: (name, reason) => tell({ kind: 'refused', name, reason }),
      },
      wanted: (host) => tell({ kind: 'wanted', host }),
      onTrouble: (sentence) => tell({ kind: 'trouble', sentence }),
    })
  } catch (error) {
    return giveUp(problemsOf(error))
  }
  serving.setProofs(order.proofs)
  tell({ kind: 'ready', ports: portsOf(serving), closedRoutes: serving.gatehouse.closedRoutes() })
}

async function load(text: string): Promise<{ config: LoadedConfig } | { problems: ConfigProblem[] }> {
  const loaded = await loadConfig({ file, text })
  return loaded.ok
    ? { config: withKept(loaded.config, kept as KeptSettings).config }
    : { problems: loaded.problems }
}

function problemsOf(error: unknown): ConfigProblem[] {
  if (error instanceof BuildError) return [...error.problems]
  const message = error instanceof Error ? error.message : String(error)
  return [{ severity: 'error', file, line: 0, column: 0, path: '', message }]
}

function giveUp(problems: readonly ConfigProblem[]): void {
  const sentence = problems
    .map((problem) => (problem.line > 0 ? formatProblem(problem) : problem.message))
    .join('\n')
  process.send?.({ kind: 'failed', sentence } satisfies ToPrimary, () => process.exit(1))
}

/** A primary that is gone hears nothing; `disconnect` says so, and a failure here is no news. */
function tell(message: ToPrimary): void {
  if (process.connected) process.send?.(message, () => {})
}

function fail(error: unknown): void {
  log.error('something was thrown that nobody caught, so this worker ends', { error })
  process.exit(1)
}
