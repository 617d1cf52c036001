import { readFile } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import sharp from 'sharp'
import type { Logger } from '../../../shared/logger.ts'
import { stepSeconds } from '../../metrics.ts'
import { isNoRoom } from '../../refusal.ts'
import { formats, typeOf, writePicture } from '../../uploads/formats.ts'
import { type Engine, EngineFailure, type Outcome, type Task } from '../engine.ts'
import type { Hub } from './call.ts'
import { providers } from './providers.ts'
import { noPicture, Setback } from './setback.ts'

export interface HuggingFaceSettings extends Omit<Hub, 'key' | 'mostBytes'> {
  /** Undefined: every restoration says that none is set. */
  readonly key: string | undefined
  /** Of the largest result that is accepted. */
  readonly mostPixels: number
  readonly log: Logger
}

/** Restores by a model that Hugging Face, or one of its providers, runs. */
export function huggingFaceEngine({ key, mostPixels, log, ...place }: HuggingFaceSettings): Engine {
  return {
    async restore(task) {
      if (key === undefined)
        throw new EngineFailure(
          503,
          'Models of Hugging Face are not set up here. Choose a model of this machine.',
        )
      const { provider } = task.model
      if (provider === 'local') throw new Error('a local model is not for Hugging Face')
      const request = {
        model: task.model.providerModel ?? task.model.model,
        picture: await readFile(task.source.path),
        mediaType: formats[task.source.type].mediaType,
        parameters: task.parameters,
        signal: task.signal,
      }
      const hub: Hub = { ...place, key, mostBytes: 64 * 1024 * 1024 }
      return withPatience(task, log, async () => {
        task.onProgress('The model restores the picture', 0.3)
        const asked = performance.now()
        const bytes = await providers[provider](hub, request)
        stepSeconds.observe({ step: 'model' }, (performance.now() - asked) / 1000)
        task.onProgress('Looking the result over', 0.9)
        return keep(bytes, task, mostPixels)
      })
    },
  }
}

// --- internal ---

/** How often one picture is sent, the longest pause between two tries, and the first one where the hub names none: seconds. */
const [tries, longestPause, firstPause] = [3, 30, 2]

/**
 * Tries again what may pass, after the pause that the hub asks for. A pause too long to sit out is the person's to wait:
 * models have been "loading" for ever.
 */
async function withPatience(task: Task, log: Logger, attempt: () => Promise<Outcome>): Promise<Outcome> {
  for (let failures = 1; ; failures++) {
    try {
      return await attempt()
    } catch (error) {
      if (!(error instanceof Setback)) throw error
      const pause = error.wait ?? firstPause * 2 ** (failures - 1)
      log.warn('a model of Hugging Face failed', { model: task.model.id, reason: error.message, failures })
      if (!error.passes || failures === tries || pause > longestPause) {
        const retryAfter = error.passes ? Math.ceil(Math.max(error.wait ?? 0, 60)) : undefined
        throw new EngineFailure(error.status, error.title, {
          retryAfter,
          detail: error.message,
          cause: error,
        })
      }
      task.onProgress(`${error.title.split('.')[0]}; it is asked again in ${Math.ceil(pause)} s`, 0.2)
      await sleep(pause * 1000, undefined, { signal: task.signal })
    }
  }
}

/** What came is decoded to its end and encoded anew, as an upload is: it comes from outside, too. */
async function keep(bytes: Buffer, { source, target }: Task, mostPixels: number): Promise<Outcome> {
  if (typeOf(bytes) === undefined) throw noPicture(`no picture: ${bytes.toString('latin1', 0, 80)}`)
  try {
    const picture = sharp(bytes, { failOn: 'truncated', limitInputPixels: mostPixels }).autoOrient().flatten()
    const { width, height } = await writePicture(picture, source.type, target)
    return { type: source.type, width, height, notes: [] }
  } catch (error) {
    if (isNoRoom(error)) throw error
    throw noPicture((error as Error).message)
  }
}
