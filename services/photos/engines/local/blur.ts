import type { Size } from './resample.ts'

/** Blurs by a bell curve of that standard deviation, in pixels. */
export function blur(plane: Float32Array, size: Size, sigma: number): Float32Array {
  const kernel = bell(sigma)
  return alongColumns(alongRows(plane, size, kernel), size, kernel)
}

// --- internal ---

function bell(sigma: number): Float32Array {
  const reach = Math.max(1, Math.ceil(sigma * 3))
  const kernel = Float32Array.from({ length: reach * 2 + 1 }, (_, i) =>
    Math.exp(-((i - reach) ** 2) / (2 * sigma * sigma)),
  )
  const sum = kernel.reduce((total, weight) => total + weight, 0)
  return kernel.map((weight) => weight / sum)
}

function alongRows(plane: Float32Array, { width, height }: Size, kernel: Float32Array): Float32Array {
  const reach = (kernel.length - 1) / 2
  const blurred = new Float32Array(plane.length)
  // Beyond the border the border goes on; copied, so that the inner loop need not ask where it is.
  const row = new Float32Array(width + 2 * reach)
  for (let y = 0; y < height; y++) {
    const at = y * width
    row.set(plane.subarray(at, at + width), reach)
    row.fill(plane[at] as number, 0, reach)
    row.fill(plane[at + width - 1] as number, reach + width)
    for (let x = 0; x < width; x++) {
      let value = 0
      for (let tap = 0; tap < kernel.length; tap++)
        value += (row[x + tap] as number) * (kernel[tap] as number)
      blurred[at + x] = value
    }
  }
  return blurred
}

function alongColumns(plane: Float32Array, { width, height }: Size, kernel: Float32Array): Float32Array {
  const reach = (kernel.length - 1) / 2
  const blurred = new Float32Array(plane.length)
  for (let y = 0; y < height; y++) {
    for (let tap = -reach; tap <= reach; tap++) {
      const from = Math.min(height - 1, Math.max(0, y + tap)) * width
      const weight = kernel[tap + reach] as number
      // Row by row, as the memory lies.
      for (let x = 0; x < width; x++)
        blurred[y * width + x] = (blurred[y * width + x] as number) + (plane[from + x] as number) * weight
    }
  }
  return blurred
}
