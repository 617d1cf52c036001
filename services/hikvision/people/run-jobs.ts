import type { Logger } from '../../shared/logger.ts'
import type { Devices } from '../devices/devices.ts'
import { BadCredentials, DeviceRefusal } from '../isapi/answer.ts'
import { DeviceAway } from '../isapi/carrier.ts'
import type { Isapi } from '../isapi/client.ts'
import type { Job, Jobs } from './jobs.ts'
import { type PerformSettings, perform, StepFailed } from './perform.ts'

export interface RunJobsSettings extends PerformSettings {
  readonly jobs: Jobs
  readonly devices: Devices
  /** The way to a device; undefined if nobody said how it is reached. */
  isapiOf(device: number): Promise<Isapi | undefined>
  /** Milliseconds. For tests that have no minutes. */
  readonly pauses?: Partial<Pauses>
  onChange(device: number): void
  readonly log: Logger
}

interface Pauses {
  /** Between looks for work that is due. */
  readonly look: number
  /** Before a device that is away, or busy, is asked again: the first time, and at most. */
  readonly first: number
  readonly longest: number
}

export interface RunningJobs {
  /** Looks for work at once. */
  look(): void
  /** Something was heard of these devices: whatever waited for them to be back is due. */
  heardOf(devices: Iterable<number>): void
  stop(): Promise<void>
}

/** Devices that are worked on at a time; each has one job at a time. */
const parallel = 8
/** A device that is busy is asked so often. One that is away is waited for without end. */
const mostAttempts = 12

export function runJobs(settings: RunJobsSettings): RunningJobs {
  const { jobs, devices, isapiOf, onChange, log } = settings
  const pauses: Pauses = { look: 1_000, first: 2_000, longest: 5 * 60_000, ...settings.pauses }
  const working = new Map<number, Promise<void>>()
  const absences = new Map<number, number>()
  let isStopped = false
  let looking: Promise<void> | undefined
  let lookAgain = false

  const pauseAfter = (failures: number) =>
    Math.min(pauses.longest, pauses.first * 2 ** Math.min(failures, 16))

  async function lookOnce(): Promise<void> {
    if (isStopped || working.size >= parallel) return
    await jobs.recover([...working.keys()])
    for (const device of await jobs.due()) {
      if (isStopped || working.size >= parallel) return
      if (working.has(device)) continue
      const work = workOn(device)
        .catch((error) => log.warn('the work on a device broke off', { device, error }))
        .finally(() => {
          working.delete(device)
          onChange(device)
        })
      working.set(device, work)
    }
  }

  async function workOn(device: number): Promise<void> {
    const isapi = await isapiOf(device)
    for (let job = await jobs.take(device); job !== undefined; job = await jobs.take(device)) {
      onChange(device)
      const goesOn = isapi === undefined ? await refuseAll(job) : await tryJob(isapi, job)
      onChange(device)
      if (!goesOn || isStopped) return
    }
  }

  async function refuseAll(job: Job): Promise<boolean> {
    await jobs.finish(
      job,
      'failed',
      'nobody said how this device is reached; give it an address and a password',
    )
    return true
  }

  /** Answers whether the device can be asked for more. */
  async function tryJob(isapi: Isapi, job: Job): Promise<boolean> {
    try {
      await perform(isapi, job, settings)
      await jobs.finish(job, 'done')
      absences.delete(job.device)
      await devices.noteState(job.device, 'ok')
      return true
    } catch (error) {
      return await settle(job, error as Error)
    }
  }

  async function settle(job: Job, error: Error): Promise<boolean> {
    const { device } = job
    const cause = error instanceof StepFailed ? error.cause : error
    const reason = error.message.slice(0, 500)
    if (cause instanceof DeviceRefusal) {
      absences.delete(device)
      await devices.noteState(device, 'ok')
      if (cause.isPassing && job.attempts < mostAttempts)
        await jobs.putBack(job, pauseAfter(job.attempts - 1), reason, cause.code)
      else await jobs.finish(job, 'failed', reason, cause.code)
      return true
    }
    if (cause instanceof BadCredentials) {
      // Each further attempt would bring the account nearer to being locked.
      await jobs.putBack(job, pauses.longest, reason, 'badCredentials')
      await jobs.postpone(device, 365 * 86_400_000)
      await devices.noteState(device, 'refused', cause.message)
      return false
    }
    if (cause instanceof DeviceAway) {
      const failures = absences.get(device) ?? 0
      absences.set(device, failures + 1)
      await jobs.putBack(job, 0, `away: ${cause.message}`, 'away')
      await jobs.postpone(device, pauseAfter(failures))
      await devices.noteState(device, 'away', cause.message)
      return false
    }
    log.error('a job failed for a reason of ours', { job: job.id, error })
    await jobs.putBack(job, pauses.longest, 'something failed on the server; it is tried again')
    return false
  }

  function look(): void {
    lookAgain = looking !== undefined
    looking ??= lookOnce()
      .catch((error) => log.warn('jobs cannot be looked for', { error }))
      .finally(() => {
        looking = undefined
        if (lookAgain) look()
      })
  }

  const timer = setInterval(look, pauses.look).unref()
  return {
    look,
    heardOf(heard) {
      for (const device of heard) {
        if (!absences.delete(device)) continue
        void jobs
          .postpone(device, 0)
          .then(look, (error) => log.warn('jobs cannot be brought forward', { error }))
      }
    },
    async stop() {
      isStopped = true
      clearInterval(timer)
      await looking
      await Promise.all(working.values())
    },
  }
}
