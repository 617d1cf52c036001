import type { Size } from './resample.ts'

/**
 * By how much each pixel is brighter than its surroundings, if it is part of something narrower than `2 * reach + 1`
 * pixels (the white top-hat of morphology). For dark marks the negative of the plane is given.
 */
export function topHat(plane: Float32Array, size: Size, reach: number): Float32Array {
  const opened = greatest(least(plane, size, reach), size, reach)
  return opened.map((value, at) => (plane[at] as number) - value)
}

export function negative(plane: Float32Array): Float32Array {
  return plane.map((value) => -value)
}

// --- internal ---

function least(plane: Float32Array, size: Size, reach: number): Float32Array {
  return negative(greatest(negative(plane), size, reach))
}

/** The greatest within a square around each pixel. */
function greatest(plane: Float32Array, { width, height }: Size, reach: number): Float32Array {
  const rows = new Float32Array(plane.length)
  for (let y = 0; y < height; y++) {
    const row = y * width
    for (let x = 0; x < width; x++) {
      const last = Math.min(width - 1, x + reach)
      let best = plane[row + x] as number
      for (let at = Math.max(0, x - reach); at <= last; at++) {
        const value = plane[row + at] as number
        if (value > best) best = value
      }
      rows[row + x] = best
    }
  }
  const found = rows.slice()
  for (let y = 0; y < height; y++) {
    const row = y * width
    for (let other = Math.max(0, y - reach); other <= Math.min(height - 1, y + reach); other++)
      for (let x = 0; x < width; x++) {
        const value = rows[other * width + x] as number
        if (value > (found[row + x] as number)) found[row + x] = value
      }
  }
  return found
}
