import { randomUUID } from 'node:crypto'
import { EventEmitter, once } from 'node:events'
import { rm, stat } from 'node:fs/promises'
import { type Database, isAway } from '../../shared/database.ts'
import type { Logger } from '../../shared/logger.ts'
import { EngineFailure } from '../engines/engine.ts'
import type { Engines } from '../engines/index.ts'
import type { Model } from '../engines/models.ts'
import { engineFailures, restorationSeconds, restorations } from '../metrics.ts'
import { type PictureFiles, settle } from '../pictures/files.ts'
import { isNoRoom, noRoom } from '../refusal.ts'
import type { Failure, Restoration } from '../restorations/table.ts'
import { claims } from './claims.ts'

export interface QueueSettings {
  readonly database: Database
  readonly files: PictureFiles
  readonly engines: Engines
  readonly models: readonly Model[]
  /** Pictures at once. */
  readonly workers: number
  readonly log: Logger
}

/** The jobs of restoring. They stand in the database, so none is lost with this process; several processes may share them. */
export interface Queue {
  /** There is something new to do. */
  wake(): void
  /** Its row was removed: nobody wants it any more. */
  cancel(id: string): void
  /** Resolves when something about that restoration changed here, or after so many milliseconds. */
  change(id: string, within: number, signal: AbortSignal): Promise<void>
  /** Puts what is under way back, for another process or the next start. */
  stop(): Promise<void>
}

/** A job that brought three processes down is at fault itself. */
const mostAttempts = 3
/** Milliseconds: how often it is looked for jobs that another process left, and how often a claim is renewed. */
const [lookEvery, renewEvery] = [2_000, 5_000]

export function startQueue({ database, files, engines, models, workers, log }: QueueSettings): Queue {
  const claim = claims(database, randomUUID())
  const changes = new EventEmitter().setMaxListeners(0)
  const running = new Map<string, { controller: AbortController; ended: Promise<void> }>()
  let stopping = false
  let filling: Promise<void> | undefined
  let isWoken = false

  const timer = setInterval(wake, lookEvery)
  const renewal = setInterval(() => {
    if (running.size > 0) claim.renew([...running.keys()]).catch(() => {})
  }, renewEvery)
  wake()

  function wake(): void {
    isWoken = true
    filling ??= fill().finally(() => {
      filling = undefined
    })
  }

  async function fill(): Promise<void> {
    while (isWoken && !stopping) {
      isWoken = false
      try {
        while (running.size < workers && !stopping) {
          const row = await claim.next()
          if (row === undefined) break
          begin(row)
        }
      } catch (error) {
        // While the database is away nothing can be claimed; the timer looks again.
        if (!isAway(error)) log.error('no job can be claimed', { error })
      }
    }
  }

  function begin(row: Restoration): void {
    const controller = new AbortController()
    const ended = work(row, controller.signal)
      .catch((error) => log.error('a restoration ended in an unforeseen way', { id: row.id, error }))
      .finally(() => {
        running.delete(row.id)
        changes.emit(row.id)
        wake()
      })
    running.set(row.id, { controller, ended })
  }

  async function work(row: Restoration, signal: AbortSignal): Promise<void> {
    const model = models.find(({ id }) => id === row.model_id)
    const engine = model?.provider ?? 'none'
    const fail = async (failure: Failure): Promise<void> => {
      restorations.add({ engine, outcome: 'failed' })
      engineFailures.add({ engine, reason: reasonOf(failure) })
      await insist(() => claim.fail(row.id, failure))
    }
    if (row.attempts > mostAttempts)
      return fail({ status: 502, title: 'The restoration broke off three times. Choose another model.' })
    const draft = files.draftOf(files.processed(row.id, row.type))
    const began = performance.now()
    try {
      if (model === undefined)
        throw new EngineFailure(502, 'Its model is no longer offered. Choose another model.')
      const outcome = await engines.of(model).restore({
        model,
        parameters: { ...model.parameters, ...row.parameters },
        source: { path: files.upload(row.id, row.type), type: row.type },
        target: draft,
        signal,
        onProgress: (step, done) => void progress(row.id, step, done),
      })
      const { size } = await stat(draft)
      await settle(draft, files.processed(row.id, outcome.type))
      const isMine = await insist(() => claim.finish(row.id, { ...outcome, size }))
      if (isMine === false) return await leave(row.id)
      const took = performance.now() - began
      restorations.add({ engine, outcome: 'done' })
      restorationSeconds.observe({ engine }, took / 1000)
      log.info('a picture was restored', { id: row.id, model: model.id, took: Math.round(took) })
    } catch (error) {
      await rm(draft, { force: true })
      if (stopping) return void (await claim.giveBack(row.id).catch(() => {}))
      if (signal.aborted) return
      log.warn('a picture could not be restored', {
        id: row.id,
        model: row.model_id,
        reason: (error as Error).message,
      })
      await fail(failureOf(error))
    }
  }

  /** The claim was lost: to somebody who deleted the row, or to a process that took it over, whose pictures these are now. */
  async function leave(id: string): Promise<void> {
    if (await insist(() => claim.isThere(id)))
      log.warn('a restoration was taken over by another process', { id })
    else await files.remove(id)
  }

  async function progress(id: string, step: string, done: number): Promise<void> {
    await claim.progress(id, step, done).catch(() => {})
    changes.emit(id)
  }

  /** What was done while the database was away is written down when it is back. */
  async function insist<Answer>(write: () => Promise<Answer>): Promise<Answer | undefined> {
    for (;;) {
      try {
        return await write()
      } catch (error) {
        if (!isAway(error) || stopping) throw error
        await new Promise((resolve) => setTimeout(resolve, 500))
      }
    }
  }

  return {
    wake,
    cancel: (id) => running.get(id)?.controller.abort(),
    async change(id, within, signal) {
      const either = AbortSignal.any([signal, AbortSignal.timeout(within)])
      await once(changes, id, { signal: either }).catch(() => {})
    },
    async stop() {
      stopping = true
      clearInterval(timer)
      clearInterval(renewal)
      await filling
      const under = [...running.values()]
      for (const { controller } of under) controller.abort()
      await Promise.all(under.map(({ ended }) => ended))
    },
  }
}

// --- internal ---

function reasonOf({ status }: Failure) {
  return status === 503 ? 'unavailable' : status === 504 ? 'late' : status === 507 ? 'full' : 'broken'
}

function failureOf(error: unknown): Failure {
  if (error instanceof EngineFailure)
    return {
      status: error.status,
      title: error.title,
      ...(error.retryAfter !== undefined && { retry_after: error.retryAfter }),
    }
  if (isNoRoom(error)) return { status: 507, title: noRoom().title, retry_after: 300 }
  if ((error as NodeJS.ErrnoException).code === 'ENOENT')
    return { status: 502, title: 'The uploaded picture is no longer there. Upload it again.' }
  return {
    status: 502,
    title: 'The restoration failed here; it has been written down. Try again, or choose another model.',
  }
}
