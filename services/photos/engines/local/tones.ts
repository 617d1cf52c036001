/** The grey level below which that share (0 to 1) of a plane lies. */
function percentile(plane: Float32Array, share: number): number {
  const counts = new Uint32Array(256)
  for (let i = 0; i < plane.length; i++) {
    const level = Math.max(0, Math.min(255, Math.round(plane[i] as number)))
    counts[level] = (counts[level] as number) + 1
  }
  const wanted = share * plane.length
  let below = 0
  for (let level = 0; level < 256; level++) {
    below += counts[level] as number
    if (below >= wanted) return level
  }
  return 255
}

export interface Range {
  readonly low: number
  readonly high: number
}

/** From nearly the darkest to nearly the brightest, so that a few specks decide nothing. */
export function rangeOf(plane: Float32Array): Range {
  return { low: percentile(plane, 0.004), high: percentile(plane, 0.996) }
}

/**
 * Stretches a range to nearly all grey levels, by the share `strength` of the way. A range too narrow to be a picture's
 * is stretched by `mostGain` at most: a sheet of plain paper must not turn into noise.
 */
export function stretch(
  plane: Float32Array,
  { low, high }: Range,
  { strength, mostGain = 3 }: { strength: number; mostGain?: number },
): Float32Array {
  const middle = (low + high) / 2
  const span = Math.max(high - low, (white - black) / mostGain)
  const gain = (white - black) / span
  const [from, scale] = [middle - span / 2, 1 + (gain - 1) * strength]
  const to = from + (black - from) * strength
  const stretched = new Float32Array(plane.length)
  for (let i = 0; i < plane.length; i++) stretched[i] = to + ((plane[i] as number) - from) * scale
  return stretched
}

// --- internal ---

const [black, white] = [12, 243]
