/** The size of a plane, in pixels. */
export interface Size {
  readonly width: number
  readonly height: number
}

/** Another size of a plane by Lanczos's kernel of three lobes. Smaller ones are smoothed first, by the same kernel. */
export function resample(plane: Float32Array, from: Size, to: Size): Float32Array {
  const wide = resampleRows(plane, from, to.width)
  return transpose(
    resampleRows(
      transpose(wide, { width: to.width, height: from.height }),
      { width: from.height, height: to.width },
      to.height,
    ),
    { width: to.height, height: to.width },
  )
}

// --- internal ---

const lobes = 3

function lanczos(x: number): number {
  if (x === 0) return 1
  if (Math.abs(x) >= lobes) return 0
  const angle = Math.PI * x
  return (lobes * Math.sin(angle) * Math.sin(angle / lobes)) / (angle * angle)
}

function resampleRows(plane: Float32Array, { width, height }: Size, target: number): Float32Array {
  const scale = width / target
  const stretchedBy = Math.max(1, scale)
  const taps = Math.ceil(lobes * stretchedBy) * 2 + 1
  const firsts = new Int32Array(target)
  const weights = new Float32Array(target * taps)
  for (let x = 0; x < target; x++) {
    const centre = (x + 0.5) * scale - 0.5
    const first = Math.ceil(centre - lobes * stretchedBy)
    firsts[x] = first
    let sum = 0
    for (let tap = 0; tap < taps; tap++) sum += lanczos((first + tap - centre) / stretchedBy)
    for (let tap = 0; tap < taps; tap++)
      weights[x * taps + tap] = lanczos((first + tap - centre) / stretchedBy) / sum
  }
  const rows = new Float32Array(target * height)
  // Beyond the border the border goes on; copied, so that the inner loop need not ask where it is.
  const row = new Float32Array(width + 2 * taps)
  for (let y = 0; y < height; y++) {
    const at = y * width
    row.set(plane.subarray(at, at + width), taps)
    row.fill(plane[at] as number, 0, taps)
    row.fill(plane[at + width - 1] as number, taps + width)
    for (let x = 0; x < target; x++) {
      const first = (firsts[x] as number) + taps
      const weight = x * taps
      let value = 0
      for (let tap = 0; tap < taps; tap++)
        value += (row[first + tap] as number) * (weights[weight + tap] as number)
      rows[y * target + x] = value
    }
  }
  return rows
}

function transpose(plane: Float32Array, { width, height }: Size): Float32Array {
  const turned = new Float32Array(plane.length)
  const tile = 32
  // Tile by tile, or each write would miss the cache.
  for (let top = 0; top < height; top += tile)
    for (let left = 0; left < width; left += tile)
      for (let y = top; y < Math.min(height, top + tile); y++)
        for (let x = left; x < Math.min(width, left + tile); x++)
          turned[x * height + y] = plane[y * width + x] as number
  return turned
}
