import type { PictureType } from '../uploads/formats.ts'
import type { Model } from './models.ts'

/** One picture to restore. */
export interface Task {
  readonly model: Model
  /** The model's own, with what the person changed. */
  readonly parameters: Readonly<Record<string, unknown>>
  /** The cleaned upload. */
  readonly source: { readonly path: string; readonly type: PictureType }
  /** Where the result is written. Nobody else knows this path. */
  readonly target: string
  /** Told what is being done, and how much of all is done: 0 to 1. */
  onProgress(step: string, done: number): void
  /** The task is not wanted any more. */
  readonly signal: AbortSignal
}

export interface Outcome {
  readonly type: PictureType
  readonly width: number
  readonly height: number
  /** What the person should know: a sentence each. */
  readonly notes: readonly string[]
}

/** What restores pictures. Rejects with an EngineFailure for whatever a person should read. */
export interface Engine {
  restore(task: Task): Promise<Outcome>
}

/** Why a picture was not restored. `title` is a sentence that the person in front of the page can act on. */
export class EngineFailure extends Error {
  override readonly name = 'EngineFailure'
  /** What the browser is answered: 502, 503, 504, 507. */
  readonly status: number
  readonly title: string
  /** Seconds after which another try may help; undefined if it would not by itself. */
  readonly retryAfter: number | undefined

  constructor(
    status: number,
    title: string,
    options: { retryAfter?: number; cause?: unknown; detail?: string } = {},
  ) {
    super(options.detail ?? title, { cause: options.cause })
    this.status = status
    this.title = title
    this.retryAfter = options.retryAfter
  }
}
