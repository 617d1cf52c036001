import type { Size } from './resample.ts'

/** Candidates on a straight line of candidates that is longer than any stroke of a letter. Lines may cross. */
export function findLines(candidates: Uint8Array, { width, height }: Size): Set<number> {
  const half = Math.max(20, Math.round(Math.min(width, height) * 0.03))
  const needed = Math.round((2 * half + 1) * 0.85)
  const found = new Set<number>()
  for (let at = 0; at < candidates.length; at++) {
    if (candidates[at] === 0) continue
    const [x, y] = [at % width, Math.floor(at / width)]
    for (const [across, down] of directions) {
      const line = candidatesAlong(x, y, across, down)
      if (line.length >= needed) for (const each of line) found.add(each)
    }
  }
  return found

  function candidatesAlong(x: number, y: number, across: number, down: number): number[] {
    const line: number[] = []
    for (let step = -half; step <= half; step++) {
      const [u, v] = [Math.round(x + across * step), Math.round(y + down * step)]
      if (u < 0 || v < 0 || u >= width || v >= height) continue
      const at = v * width + u
      if (candidates[at] === 1) line.push(at)
      // Too many are missing already.
      else if (step + half + 1 - line.length > 2 * half + 1 - needed) return []
    }
    return line
  }
}

/** Small heaps of candidates with nothing else near them, on ground that is calm: dust. */
export function findSpecks(candidates: Uint8Array, luma: Float32Array, size: Size): number[] {
  const found: number[] = []
  for (const heap of heapsOf(candidates, size)) {
    if (heap.length >= 2 && heap.length <= mostPixels && isAlone(heap, { candidates, luma, size }))
      found.push(...heap)
  }
  return found
}

// --- internal ---

/** Unit steps in 24 directions of half a turn. */
const directions = Array.from({ length: 24 }, (_, i) => {
  const angle = (i * Math.PI) / 24
  return [Math.cos(angle), Math.sin(angle)] as const
})

const mostPixels = 48

/** Pixels that touch each other, corners included. */
function* heapsOf(set: Uint8Array, { width, height }: Size): Generator<number[]> {
  const seen = new Uint8Array(set.length)
  for (let start = 0; start < set.length; start++) {
    if (set[start] === 0 || seen[start] === 1) continue
    seen[start] = 1
    const heap = [start]
    for (let next = 0; next < heap.length; next++) {
      const at = heap[next] as number
      const [x, y] = [at % width, Math.floor(at / width)]
      for (let v = Math.max(0, y - 1); v <= Math.min(height - 1, y + 1); v++)
        for (let u = Math.max(0, x - 1); u <= Math.min(width - 1, x + 1); u++) {
          const near = v * width + u
          if (set[near] === 0 || seen[near] === 1) continue
          seen[near] = 1
          heap.push(near)
        }
    }
    yield heap
  }
}

interface Ground {
  readonly candidates: Uint8Array
  readonly luma: Float32Array
  readonly size: Size
}

/** Whether a frame around a heap is free of other marks, and differs less within itself than the heap does from it. */
function isAlone(heap: readonly number[], { candidates, luma, size: { width, height } }: Ground): boolean {
  let [left, right, top, bottom, own] = [width, 0, height, 0, 0]
  for (const at of heap) {
    const [x, y] = [at % width, Math.floor(at / width)]
    left = Math.min(left, x)
    right = Math.max(right, x)
    top = Math.min(top, y)
    bottom = Math.max(bottom, y)
    own += (luma[at] as number) / heap.length
  }
  if (Math.max(right - left, bottom - top) > 9) return false
  let [sum, squares, count, others] = [0, 0, 0, 0]
  for (let y = Math.max(0, top - 4); y <= Math.min(height - 1, bottom + 4); y++)
    for (let x = Math.max(0, left - 4); x <= Math.min(width - 1, right + 4); x++) {
      if (x > left - 3 && x < right + 3 && y > top - 3 && y < bottom + 3) continue
      const value = luma[y * width + x] as number
      others += candidates[y * width + x] as number
      sum += value
      squares += value * value
      count++
    }
  const mean = sum / count
  const deviation = Math.sqrt(Math.max(0, squares / count - mean * mean))
  return others === 0 && deviation < 0.4 * Math.abs(own - mean)
}
