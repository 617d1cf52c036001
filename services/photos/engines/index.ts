import type { Engine } from './engine.ts'
import { type HuggingFaceSettings, huggingFaceEngine } from './hugging-face/index.ts'
import { localEngine } from './local/index.ts'
import type { Model } from './models.ts'

/** The engine for each model. */
export interface Engines {
  of(model: Model): Engine
  /** Why a model cannot be used here just now; undefined if it can. */
  whyNot(model: Model): string | undefined
}

export function createEngines(settings: HuggingFaceSettings): Engines {
  const local = localEngine(settings)
  // A result of theirs is decoded row by row; one of ours is in memory as a whole, several times.
  const remote = huggingFaceEngine({ ...settings, mostPixels: settings.mostPixels * 4 })
  return {
    of: ({ provider }) => (provider === 'local' ? local : remote),
    whyNot: ({ provider }) =>
      provider !== 'local' && settings.key === undefined
        ? 'The operator of this service has set no key for Hugging Face.'
        : undefined,
  }
}
