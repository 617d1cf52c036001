import { lumaOf, type Picture } from '../../../services/photos/engines/local/picture.ts'

export interface Likeness {
  /** Peak signal-to-noise ratio over all channels, decibels: more is liker. */
  readonly psnr: number
  /** Structural similarity of brightness (Wang et al., 2004), at most 1. */
  readonly ssim: number
}

/** How much a picture is like the one it should be. Both have one size. */
export function likeness(picture: Picture, truth: Picture): Likeness {
  return { psnr: psnrOf(picture, truth), ssim: ssimOf(lumaOf(shown(picture)), lumaOf(truth), truth.width) }
}

/** As a screen shows it: whole levels from 0 to 255. */
function shown(picture: Picture): Picture {
  const clamp = (plane: Float32Array) => plane.map((value) => Math.max(0, Math.min(255, Math.round(value))))
  const [red, green, blue] = picture.planes
  return { ...picture, planes: [clamp(red), clamp(green), clamp(blue)] }
}

function psnrOf(picture: Picture, truth: Picture): number {
  let squares = 0
  for (const [index, plane] of shown(picture).planes.entries())
    for (let i = 0; i < plane.length; i++)
      squares += ((plane[i] as number) - (truth.planes[index]?.[i] as number)) ** 2
  return 10 * Math.log10((255 * 255 * truth.width * truth.height * 3) / squares)
}

/** In windows of 8 by 8, every 4 pixels. */
function ssimOf(a: Float32Array, b: Float32Array, width: number): number {
  const [c1, c2, side] = [(0.01 * 255) ** 2, (0.03 * 255) ** 2, 8]
  const height = a.length / width
  let [total, windows] = [0, 0]
  for (let top = 0; top + side <= height; top += 4)
    for (let left = 0; left + side <= width; left += 4) {
      let [sumA, sumB, aa, bb, ab] = [0, 0, 0, 0, 0]
      for (let y = top; y < top + side; y++)
        for (let x = left; x < left + side; x++) {
          const [p, q] = [a[y * width + x] as number, b[y * width + x] as number]
          sumA += p
          sumB += q
          aa += p * p
          bb += q * q
          ab += p * q
        }
      const n = side * side
      const [meanA, meanB] = [sumA / n, sumB / n]
      const [varA, varB, cov] = [aa / n - meanA ** 2, bb / n - meanB ** 2, ab / n - meanA * meanB]
      total +=
        ((2 * meanA * meanB + c1) * (2 * cov + c2)) / ((meanA ** 2 + meanB ** 2 + c1) * (varA + varB + c2))
      windows++
    }
  return total / windows
}
