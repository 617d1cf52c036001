/**
 * How much noise a plane carries, as a standard deviation in grey levels. It looks at the finest diagonal detail, where
 * pictures have little and noise has as much as everywhere, and takes its median, which edges hardly move
 * (Donoho and Johnstone, 1994).
 */
export function estimateNoise(plane: Float32Array, width: number, height: number): number {
  const bins = new Uint32Array(1024)
  const perBin = 0.25
  let counted = 0
  for (let y = 0; y + 1 < height; y += 2) {
    for (let x = 0; x + 1 < width; x += 2) {
      const i = y * width + x
      const [a, b] = [plane[i] as number, plane[i + 1] as number]
      const [c, d] = [plane[i + width] as number, plane[i + width + 1] as number]
      // Flat to the last digit: burnt out or painted, and no sample of noise.
      if (a === b && c === d && a === c) continue
      const detail = Math.abs(a - b - c + d) / 2
      const bin = Math.min(bins.length - 1, Math.floor(detail / perBin))
      bins[bin] = (bins[bin] as number) + 1
      counted++
    }
  }
  let below = 0
  for (let bin = 0; bin < bins.length; bin++) {
    const here = bins[bin] as number
    if (below + here >= counted / 2) {
      const within = here === 0 ? 0 : (counted / 2 - below) / here
      return ((bin + within) * perBin) / 0.6745
    }
    below += here
  }
  return 0
}
