import { restoreColour } from './colour.ts'
import { restoreContrast } from './contrast.ts'
import { denoise } from './denoise.ts'
import type { Picture } from './picture.ts'
import { removeScratches } from './scratches.ts'
import { sharpen } from './sharpen.ts'
import { upscale } from './upscale.ts'

interface Step {
  /** Its parameter, too. */
  readonly name: string
  /** While it runs. */
  readonly title: string
  readonly description: string
  /** What it may be set to; 0 (or 1, for a size) leaves it out. */
  readonly choices:
    | { readonly minimum: number; readonly maximum: number; readonly step: number }
    | readonly number[]
  apply(picture: Picture, setting: number): Picture
}

/**
 * In this order: what is painted over must not be taken for noise, noise must not be stretched with the tones, and
 * sharpening comes when the rest is clean.
 */
export const steps = [
  {
    name: 'scratches',
    title: 'Removing scratches and dust',
    description: 'How much counts as a scratch or dust. 0 leaves them.',
    choices: { minimum: 0, maximum: 2, step: 0.1 },
    apply: removeScratches,
  },
  {
    name: 'denoise',
    title: 'Smoothing grain',
    description: 'How much of the grain goes. 0 leaves it; above 1, fine texture goes as well.',
    choices: { minimum: 0, maximum: 2, step: 0.1 },
    apply: denoise,
  },
  {
    name: 'colour',
    title: 'Bringing colours back',
    description: 'How far a colour cast and faded dyes are undone.',
    choices: { minimum: 0, maximum: 1, step: 0.1 },
    apply: restoreColour,
  },
  {
    name: 'contrast',
    title: 'Spreading the tones',
    description: 'How far flat tones are spread from black to white.',
    choices: { minimum: 0, maximum: 1, step: 0.1 },
    apply: restoreContrast,
  },
  {
    name: 'sharpen',
    title: 'Sharpening',
    description: 'How much of a soft focus is undone.',
    choices: { minimum: 0, maximum: 1, step: 0.1 },
    apply: sharpen,
  },
  {
    name: 'upscale',
    title: 'Enlarging',
    description: 'How many times as wide and as high.',
    choices: [1, 2, 4],
    apply: upscale,
  },
] as const satisfies readonly Step[]

export type StepName = (typeof steps)[number]['name']

/** Whether a step is left out by its setting. */
export function isLeftOut(name: string, setting: number): boolean {
  return setting <= (name === 'upscale' ? 1 : 0)
}
