import { cosine, inverseCosine } from './cosine.ts'
import { estimateNoise } from './noise.ts'
import type { Picture } from './picture.ts'

/**
 * Takes noise and grain away and leaves edges. Each block of 8 by 8 pixels is written as a sum of cosine waves, and
 * waves that are no stronger than the noise are left out; blocks overlap, and each pixel is the mean of all that cover
 * it (Yu and Sapiro, "DCT image denoising", 2011). Brightness and the two colour differences are done by themselves,
 * each by the noise that is measured in it, so a clean picture is hardly touched.
 *
 * @param strength 0 leaves everything, 1 takes out what is noise, more takes texture as well.
 */
export function denoise(picture: Picture, strength: number): Picture {
  if (strength <= 0) return picture
  const { width, height } = picture
  if (width < block || height < block) return picture
  const parts = toOpponents(picture)
  for (const [index, part] of parts.entries()) {
    const noise = estimateNoise(part, width, height)
    // Below this, rounding to whole grey levels is all that there is.
    if (noise < 0.8) continue
    parts[index] = shrink(part, {
      width,
      height,
      threshold: 2.75 * noise * strength,
      step: index === 0 ? 2 : 4,
    })
  }
  return fromOpponents(picture, parts)
}

// --- internal ---

const block = 8

interface Shrink {
  readonly width: number
  readonly height: number
  readonly threshold: number
  /** Pixels from one block to the next. */
  readonly step: number
}

function shrink(plane: Float32Array, { width, height, threshold, step }: Shrink): Float32Array {
  const sum = new Float32Array(plane.length)
  const weights = new Float32Array(plane.length)
  const waves = new Float32Array(block * block)
  for (const y of starts(height, step)) {
    for (const x of starts(width, step)) {
      for (let row = 0; row < block; row++) {
        const from = (y + row) * width + x
        for (let column = 0; column < block; column++)
          waves[row * block + column] = plane[from + column] as number
      }
      cosine(waves)
      let kept = 1
      for (let i = 1; i < waves.length; i++) {
        if (Math.abs(waves[i] as number) < threshold) waves[i] = 0
        else kept++
      }
      inverseCosine(waves)
      // A block that needed few waves is smooth, and knows its pixels better than one across an edge.
      const weight = 1 / kept
      for (let row = 0; row < block; row++) {
        const to = (y + row) * width + x
        for (let column = 0; column < block; column++) {
          sum[to + column] = (sum[to + column] as number) + weight * (waves[row * block + column] as number)
          weights[to + column] = (weights[to + column] as number) + weight
        }
      }
    }
  }
  for (let i = 0; i < sum.length; i++) sum[i] = (sum[i] as number) / (weights[i] as number)
  return sum
}

/** The last block ends at the border. */
function starts(size: number, step: number): number[] {
  const last = size - block
  const all: number[] = []
  for (let at = 0; at < last; at += step) all.push(at)
  all.push(last)
  return all
}

const [third, half, sixth] = [1 / Math.sqrt(3), 1 / Math.sqrt(2), 1 / Math.sqrt(6)]

/** Brightness and two differences, by a rotation: noise that was alike in all channels stays so. */
function toOpponents({ planes: [red, green, blue] }: Picture): Float32Array[] {
  const parts = [red, green, blue].map((plane) => new Float32Array(plane.length))
  const [first, second, last] = parts as [Float32Array, Float32Array, Float32Array]
  for (let i = 0; i < red.length; i++) {
    const [r, g, b] = [red[i] as number, green[i] as number, blue[i] as number]
    first[i] = (r + g + b) * third
    second[i] = (r - b) * half
    last[i] = (r - 2 * g + b) * sixth
  }
  return parts
}

function fromOpponents(picture: Picture, parts: Float32Array[]): Picture {
  const [first, second, last] = parts as [Float32Array, Float32Array, Float32Array]
  const planes: Picture['planes'] = [
    new Float32Array(first.length),
    new Float32Array(first.length),
    new Float32Array(first.length),
  ]
  const [red, green, blue] = planes
  for (let i = 0; i < first.length; i++) {
    const [a, b, c] = [first[i] as number, second[i] as number, last[i] as number]
    red[i] = a * third + b * half + c * sixth
    green[i] = a * third - 2 * c * sixth
    blue[i] = a * third - b * half + c * sixth
  }
  return { ...picture, planes }
}
