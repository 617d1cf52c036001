import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { loadConfig } from '../config/load.ts'
import type { ConfigProblem, LoadedConfig } from '../config/loaded.ts'
import { formatProblem } from '../config/problem.ts'
import { BuildError } from '../gatehouse.ts'
import type { Logger } from '../observability/logger.ts'
import { recordReload } from '../observability/metrics.ts'
import { findFailingTests } from '../rehearsal/route-tests.ts'
import { keptSettings, withKept } from './kept-settings.ts'
import type { Activated } from './messages.ts'
import type { ReloadEvent } from './reload-history.ts'

/** A configuration, and the text that other processes read it from. */
export interface Revision {
  readonly config: LoadedConfig
  readonly text: string
}

/** The life of routes.yaml while it is served: what is wrong with it leaves what runs in place, and is loud. */
export interface Reloader {
  readonly running: Revision
  /** What is wrong with the file now, if it was not taken up. */
  readonly refused: readonly ConfigProblem[]
  /**
   * Reads the file, and takes it up if it changed. `asked`: somebody wants it read again although it may be the
   * same, because a file that it names has changed.
   */
  reload(asked: boolean, text?: string): Promise<Reloaded>
}

export type Reloaded =
  | { readonly outcome: 'unchanged' }
  | { readonly outcome: 'refused'; readonly problems: readonly ConfigProblem[] }
  | ({ readonly outcome: 'taken up'; readonly needRestart: readonly string[] } & Activated)

export interface ReloaderSettings {
  readonly first: Revision
  readonly env: NodeJS.ProcessEnv
  readonly log: Logger
  /** What became of each. */
  happened(event: ReloadEvent): void
  /** Puts it in force, everywhere or nowhere. `commit` is called when nothing can stop it any more. */
  apply(
    next: Revision,
    commit: () => void,
  ): Promise<{ readonly problems: readonly ConfigProblem[] } | Activated>
}

export function createReloader({ first, env, log, happened, apply }: ReloaderSettings): Reloader {
  const kept = keptSettings(first.config)
  const { file } = first.config
  let running = first
  let refused: readonly ConfigProblem[] = []
  let seen = first.config.sha256
  let queue: Promise<unknown> = Promise.resolve()

  async function reload(asked: boolean, given: string | undefined): Promise<Reloaded> {
    const sha256 = await digest(file, given)
    if (sha256 === seen && !asked) return { outcome: 'unchanged' }
    seen = sha256
    if (sha256 === running.config.sha256 && !asked) return backAgain()
    const loaded = await loadConfig({ file, text: given, env })
    if (!loaded.ok) return refuse(loaded.problems)
    for (const warning of loaded.warnings) log.warn(formatProblem(warning))
    const { config, needRestart } = withKept(loaded.config, kept)
    const next = { config, text: loaded.text }
    const before = running.text
    const failing = await testsAgainst(config, env)
    if (failing.length > 0) return refuse(failing)
    const answer = await apply(next, () => {
      running = next
      refused = []
    })
    if ('problems' in answer) return refuse(answer.problems)
    recordReload('success', config.sha256)
    happened({
      outcome: 'taken up',
      before,
      after: next.text,
      needRestart,
      endedTunnels: answer.endedTunnels,
    })
    log.info(`${file} is taken up`, { routes: config.routes.length, endedTunnels: answer.endedTunnels })
    for (const { route, reason } of answer.closedRoutes) log.error(`route ${route} is closed`, { reason })
    if (needRestart.length > 0)
      log.warn('these changes need a restart; everything else is in force', {
        changes: needRestart.join(', '),
      })
    return { outcome: 'taken up', needRestart, ...answer }
  }

  /** Somebody took a mistake back. */
  function backAgain(): Reloaded {
    if (refused.length > 0) {
      refused = []
      recordReload('success', running.config.sha256)
      happened({ outcome: 'taken back' })
      log.info(`${file} is again what runs`)
    }
    return { outcome: 'unchanged' }
  }

  function refuse(problems: readonly ConfigProblem[]): Reloaded {
    refused = problems
    recordReload('failure')
    happened({ outcome: 'refused', problems })
    log.error(`${file} has mistakes and is not taken up; what ran before goes on`, {
      mistakes: problems.length,
    })
    for (const problem of problems) log.error(formatProblem(problem))
    return { outcome: 'refused', problems }
  }

  return {
    get running() {
      return running
    },
    get refused() {
      return refused
    },
    reload(asked, text) {
      const next = queue
        .then(() => reload(asked, text))
        .catch((error: Error) => refuse([unforeseen(file, error)]))
      queue = next
      return next
    },
  }
}

/** What the tests beside the file have against the table. What shows only when it is built is told by `apply`. */
async function testsAgainst(config: LoadedConfig, env: NodeJS.ProcessEnv): Promise<readonly ConfigProblem[]> {
  try {
    return await findFailingTests(config, env)
  } catch (error) {
    if (error instanceof BuildError) return error.problems
    throw error
  }
}

/** A reload that broke was told to nobody: whoever saved the file waited for it, and what ran before went on. */
function unforeseen(file: string, { message }: Error): ConfigProblem {
  return { severity: 'error', file, line: 1, column: 1, path: '', message: `cannot be taken up: ${message}` }
}

/** Of a file that cannot be read: a word that is no digest, so that this, too, is told once. */
async function digest(file: string, text: string | undefined): Promise<string> {
  try {
    return createHash('sha256')
      .update(text ?? (await readFile(file)))
      .digest('hex')
  } catch {
    return 'unreadable'
  }
}
