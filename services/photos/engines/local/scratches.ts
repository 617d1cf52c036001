import { findLines, findSpecks } from './marks.ts'
import { negative, topHat } from './morphology.ts'
import { estimateNoise } from './noise.ts'
import { lumaOf, mapPlanes, type Picture } from './picture.ts'
import { repaint } from './repaint.ts'
import type { Size } from './resample.ts'
import { rangeOf } from './tones.ts'

/**
 * Finds scratches and dust, and paints them over from what surrounds them. Damage of the emulsion is nearly white or
 * nearly black, thin and straight or small and alone. What is only one of these is left: it may be an eyebrow.
 *
 * @param strength 0 leaves everything, 1 takes what is surely damage, 2 takes fainter marks as well.
 */
export function removeScratches(picture: Picture, strength: number): Picture {
  if (strength <= 0) return picture
  const by = Math.max(1, Math.round(Math.min(picture.width, picture.height) / sought))
  const small = { width: Math.floor(picture.width / by), height: Math.floor(picture.height / by) }
  const found = findDamage(shrink(lumaOf(picture), picture, small, by), small, strength)
  if (!found.includes(1)) return picture
  const damaged = enlarge(found, small, picture, by)
  return { ...picture, planes: mapPlanes(picture, (plane) => repaint(plane, picture, damaged)) }
}

// --- internal ---

/** Pixels of the shorter side at which damage is looked for: a scratch is as wide there in a small scan as in a large one. */
const sought = 800
/** In those pixels. A straight thing that is wider may be the trunk of a tree. */
const [widestScratch, widestSpeck] = [5, 7]

/** One byte for each pixel, 1 where it is damaged. */
function findDamage(luma: Float32Array, size: Size, strength: number): Uint8Array {
  const damaged = new Uint8Array(luma.length)
  const least = Math.max(30, 4.5 * estimateNoise(luma, size.width, size.height)) / strength
  const { low, high } = rangeOf(luma)
  const margin = (high - low) * 0.2 * strength
  for (const dark of [false, true]) {
    const bright = dark ? negative(luma) : luma
    const isExtreme = (value: number) => (dark ? value < low + margin : value > high - margin)
    const standOut = (widest: number) => {
      const hat = topHat(bright, size, (widest - 1) / 2)
      const found = new Uint8Array(luma.length)
      for (let at = 0; at < found.length; at++)
        if (isExtreme(luma[at] as number) && (hat[at] as number) > least) found[at] = 1
      return found
    }
    const lines = findLines(standOut(widestScratch), size)
    for (const at of lines) mark(damaged, at, size)
    const heaps = standOut(widestSpeck)
    for (const at of lines) heaps[at] = 0
    for (const at of findSpecks(heaps, luma, size)) mark(damaged, at, size)
  }
  return damaged
}

/** With the pixels around it, which the damage has coloured too. */
function mark(damaged: Uint8Array, at: number, { width, height }: Size): void {
  const [x, y] = [at % width, Math.floor(at / width)]
  for (let v = Math.max(0, y - 1); v <= Math.min(height - 1, y + 1); v++)
    for (let u = Math.max(0, x - 1); u <= Math.min(width - 1, x + 1); u++) damaged[v * width + u] = 1
}

/** Means of squares of `by` pixels. */
function shrink(plane: Float32Array, { width }: Size, small: Size, by: number): Float32Array {
  if (by === 1) return plane
  const shrunk = new Float32Array(small.width * small.height)
  for (let y = 0; y < small.height; y++)
    for (let x = 0; x < small.width; x++) {
      let sum = 0
      for (let v = 0; v < by; v++)
        for (let u = 0; u < by; u++) sum += plane[(y * by + v) * width + x * by + u] as number
      shrunk[y * small.width + x] = sum / (by * by)
    }
  return shrunk
}

function enlarge(mask: Uint8Array, small: Size, { width, height }: Size, by: number): Uint8Array {
  if (by === 1) return mask
  const enlarged = new Uint8Array(width * height)
  for (let y = 0; y < small.height * by; y++)
    for (let x = 0; x < small.width * by; x++)
      enlarged[y * width + x] = mask[Math.floor(y / by) * small.width + Math.floor(x / by)] as number
  return enlarged
}
