import type { Logger } from '../../../shared/logger.ts'
import { createBatches } from '../batches.ts'
import { EngineFault, type QualityEngine } from '../engine.ts'
import type { Cuts } from '../measure.ts'
import { createTritonServer, RequestRefused } from './server.ts'
import {
  type Model,
  normalise,
  readInference,
  readModel,
  type TensorForm,
  writeInference,
} from './tensors.ts'

export interface TritonSettings {
  readonly url: string
  readonly model: string
  readonly tensors: TensorForm
  /** Milliseconds for each question. */
  readonly timeout: number
  /** Pictures in one inference at most. */
  readonly batch: number
  readonly cuts: Cuts
  readonly log: Logger
}

/** Milliseconds after which the model is looked at again: it may have been replaced. */
const knownFor = 60_000
/** Milliseconds after a failure in which nobody else waits for a server that is away. */
const restFor = 2_000

/** A model behind a Triton server, or any other of the KServe v2 protocol. */
export function createTritonEngine(settings: TritonSettings): QualityEngine {
  const server = createTritonServer({ ...settings, url: settings.url.replace(/\/+$/, '') })
  const trouble = reporter(settings.log)
  let known: { model: Promise<Model>; until: number } | undefined
  let rest: { fault: EngineFault; until: number } | undefined
  /** Halved when the server refuses a batch and takes its halves. */
  let largest = settings.batch

  function model(): Promise<Model> {
    if (known && performance.now() < known.until) return known.model
    const asked = server
      .ready()
      .then(() => server.describe())
      .then((answer) => readModel(settings.model, answer))
    known = { model: asked, until: performance.now() + knownFor }
    asked.catch(() => {
      known = undefined
    })
    return asked
  }

  async function infer(tensors: readonly Float32Array[]): Promise<number[]> {
    if (tensors.length > largest) return inHalves(tensors)
    const look = await model()
    try {
      const answer = await server.infer(writeInference(look, tensors, settings.tensors))
      return readInference(look, tensors.length, answer)
    } catch (error) {
      if (!(error instanceof RequestRefused)) throw error
      if (tensors.length === 1) {
        // What it refuses alone it may refuse because it is another model than it was.
        known = undefined
        throw error
      }
      const answers = await inHalves(tensors)
      largest = Math.min(largest, Math.ceil(tensors.length / 2))
      settings.log.warn('the quality model takes smaller batches only', { batch: largest })
      return answers
    }
  }

  async function inHalves(tensors: readonly Float32Array[]): Promise<number[]> {
    const middle = Math.ceil(tensors.length / 2)
    return [...(await infer(tensors.slice(0, middle))), ...(await infer(tensors.slice(middle)))]
  }

  const batches = createBatches<Float32Array, number>({
    size: settings.batch,
    parallel: 2,
    waiting: settings.batch * 8,
    run: infer,
  })

  /** Notes how it went. While the server is away everybody hears so at once, instead of one time-out after another. */
  async function watched<Answer>(work: () => Promise<Answer>): Promise<Answer> {
    if (rest && performance.now() < rest.until) throw rest.fault
    try {
      const answer = await work()
      rest = undefined
      trouble(undefined)
      return answer
    } catch (error) {
      if (error instanceof EngineFault) {
        if (error.kind !== 'overloaded') trouble(error)
        if (error.kind === 'away') rest = { fault: error, until: performance.now() + restFor }
      }
      throw error
    }
  }

  return {
    name: 'triton',
    kind: 'neural',
    cuts: settings.cuts,
    score: (picture) =>
      watched(async () => {
        const { side } = await model()
        return batches.ask(normalise(await picture.middle(side)))
      }),
    async health() {
      try {
        await watched(async () => {
          await server.ready()
          await model()
        })
        return { answers: true }
      } catch (error) {
        return { answers: false, reason: error instanceof EngineFault ? error.title : 'It cannot be asked' }
      }
    },
  }
}

// --- internal ---

/** Says once that something is wrong, and once that it is right again. */
function reporter(log: Logger): (fault: EngineFault | undefined) => void {
  let said: string | undefined
  return (fault) => {
    const title = fault?.title
    if (title === said) return
    if (fault) log.warn('the quality model cannot be asked', { reason: title, cause: String(fault.cause) })
    else log.info('the quality model answers again')
    said = title
  }
}
