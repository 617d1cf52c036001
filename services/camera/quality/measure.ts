import type { Picture } from './picture.ts'

export type Level = 'good' | 'acceptable' | 'poor'

/** One property of a picture that can be measured, and what to do about it. */
export interface Part {
  readonly name: 'exposure' | 'contrast' | 'evenness' | 'sharpness' | 'resolution'
  /** What was measured, in the unit of its name. */
  readonly value: number
  /** 0 to 1. */
  readonly score: number
  readonly level: Level
  /** What to do; absent when it is good. */
  readonly advice?: string
}

/** Bounds of the levels of a score. */
export interface Cuts {
  readonly good: number
  readonly acceptable: number
}

/** The cuts of what is measured here: the curves below are drawn so that these are its levels. */
export const measuredCuts: Cuts = { good: 0.7, acceptable: 0.5 }

export function levelOf(score: number, { good, acceptable }: Cuts): Level {
  return score >= good ? 'good' : score >= acceptable ? 'acceptable' : 'poor'
}

/** Pixels of the square in which properties are measured, whatever the picture has. */
const side = 256

/** Measures the region in which a face is asked to be. It knows light and lines, and not whether they are a face. */
export async function measure(picture: Picture): Promise<readonly Part[]> {
  const grey = await picture.grey(side)
  return [
    exposureOf(grey.pixels),
    contrastOf(grey.pixels),
    evennessOf(grey),
    sharpnessOf(grey),
    resolutionOf(picture),
  ]
}

// --- internal ---

interface Grey {
  readonly side: number
  readonly pixels: Uint8Array
}

/** Mean brightness, 0 to 255. */
function exposureOf(pixels: Uint8Array): Part {
  let sum = 0
  for (const value of pixels) sum += value
  const mean = sum / pixels.length
  const score = Math.min(curve(mean, [30, 60, 80, 110]), curve(255 - mean, [15, 35, 55, 85]))
  return partOf(
    'exposure',
    mean,
    score,
    mean < 128 ? 'More light on the face.' : 'Less light, or turn away from it.',
  )
}

/** Distance between the darkest and the brightest twentieth, 0 to 255: single sparks and specks do not count. */
function contrastOf(pixels: Uint8Array): Part {
  const counts = new Uint32Array(256)
  for (const value of pixels) counts[value] = (counts[value] ?? 0) + 1
  const at = (share: number) => {
    let left = pixels.length * share
    return counts.findIndex((count) => {
      left -= count
      return left < 0
    })
  }
  const spread = at(0.95) - at(0.05)
  return partOf(
    'contrast',
    spread,
    curve(spread, [10, 35, 55, 100]),
    'Wipe the lens, and stand out from the background.',
  )
}

/** How far the left and the right half differ in brightness: 0 alike, 1 one of them black. */
function evennessOf({ side, pixels }: Grey): Part {
  const sums = [0, 0]
  pixels.forEach((value, at) => {
    const which = at % side < side / 2 ? 0 : 1
    sums[which] = (sums[which] ?? 0) + value
  })
  const [left = 0, right = 0] = sums
  const difference = Math.abs(left - right) / Math.max(left, right, 1)
  return partOf(
    'evenness',
    difference,
    curve(1 - difference, [0.3, 0.55, 0.7, 0.9]),
    'Turn towards the light: one side is darker.',
  )
}

/**
 * 0 blurred to 1 sharp, after Crété et al., "The blur effect" (2007): a picture that is blurred already changes little
 * when it is blurred once more. It does not depend on what the picture shows, as counts of edges do.
 */
function sharpnessOf(grey: Grey): Part {
  const sharpness = 1 - Math.max(blurAlong(grey, 1), blurAlong(grey, grey.side))
  return partOf(
    'sharpness',
    sharpness,
    curve(sharpness, [0.2, 0.38, 0.5, 0.65]),
    'Hold still, and let the camera focus.',
  )
}

/** Width of the second blur in pixels, as in that paper. */
const window = 9
const half = window >> 1

function blurAlong({ side, pixels }: Grey, step: number): number {
  const across = step === 1 ? side : 1
  let sharp = 0
  let lost = 0
  for (let line = 0; line < side; line++) {
    const start = line * across
    const at = (index: number) => pixels[start + Math.min(side - 1, Math.max(0, index)) * step] as number
    for (let index = 1; index < side; index++) {
      const entering = at(index + half)
      const leaving = at(index - 1 - half)
      const before = Math.abs(at(index) - at(index - 1))
      // Two neighbouring means of a window differ by what entered and what left it.
      const after = Math.abs(entering - leaving) / window
      sharp += before
      lost += Math.max(0, before - after)
    }
  }
  return sharp === 0 ? 1 : (sharp - lost) / sharp
}

/** Pixels of the camera across the region. */
function resolutionOf({ region }: Picture): Part {
  return partOf(
    'resolution',
    region.side,
    curve(region.side, [100, 200, 300, 480]),
    'Use a better camera, or its full resolution.',
  )
}

/** Lines through (`nothing`, 0), (`fair`, acceptable), (`good`, good) and (`best`, 1). */
function curve(
  value: number,
  [nothing, fair, good, best]: readonly [number, number, number, number],
): number {
  const { acceptable, good: high } = measuredCuts
  const between = (from: number, to: number, low: number, top: number) =>
    low + ((value - from) / (to - from)) * (top - low)
  if (value <= nothing) return 0
  if (value < fair) return between(nothing, fair, 0, acceptable)
  if (value < good) return between(fair, good, acceptable, high)
  return Math.min(1, between(good, best, high, 1))
}

function partOf(name: Part['name'], value: number, score: number, advice: string): Part {
  const level = levelOf(score, measuredCuts)
  return {
    name,
    value: Math.round(value * 1000) / 1000,
    score: Math.round(score * 1000) / 1000,
    level,
    ...(level !== 'good' && { advice }),
  }
}
