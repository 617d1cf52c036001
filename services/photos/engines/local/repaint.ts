import type { Size } from './resample.ts'

/**
 * Fills marked pixels from their surroundings: from the rim inwards at first, then each as the mean of its neighbours
 * until the surface lies smooth, as a soap film does in its frame.
 */
export function repaint(plane: Float32Array, { width, height }: Size, marked: Uint8Array): Float32Array {
  const painted = plane.slice()
  const unknown = marked.slice()
  const order: number[] = []
  let rim: number[] = []
  for (let at = 0; at < marked.length; at++) if (marked[at] === 1) rim.push(at)
  while (rim.length > 0) {
    const reached: number[] = []
    const left: number[] = []
    for (const at of rim) {
      const mean = meanOfKnown(painted, unknown, at, width, height)
      if (mean === undefined) left.push(at)
      else {
        painted[at] = mean
        reached.push(at)
      }
    }
    // Nothing is known anywhere: all of the picture is marked.
    if (reached.length === 0) return painted
    for (const at of reached) unknown[at] = 0
    order.push(...reached)
    rim = left
  }
  for (let round = 0; round < rounds; round++)
    for (const at of order)
      painted[at] = meanOfKnown(painted, unknown, at, width, height) ?? (painted[at] as number)
  return painted
}

// --- internal ---

const rounds = 30

function meanOfKnown(
  plane: Float32Array,
  unknown: Uint8Array,
  at: number,
  width: number,
  height: number,
): number | undefined {
  const x = at % width
  const y = (at - x) / width
  let [sum, count] = [0, 0]
  if (x > 0 && unknown[at - 1] === 0) [sum, count] = [sum + (plane[at - 1] as number), count + 1]
  if (x + 1 < width && unknown[at + 1] === 0) [sum, count] = [sum + (plane[at + 1] as number), count + 1]
  if (y > 0 && unknown[at - width] === 0) [sum, count] = [sum + (plane[at - width] as number), count + 1]
  if (y + 1 < height && unknown[at + width] === 0)
    [sum, count] = [sum + (plane[at + width] as number), count + 1]
  return count === 0 ? undefined : sum / count
}
