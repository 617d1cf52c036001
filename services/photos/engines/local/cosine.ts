/** The cosine transform (DCT-II, orthonormal) of a block of 8 by 8, in place, and its inverse. */

export function cosine(block: Float32Array): void {
  for (let row = 0; row < 64; row += 8) forward(block, row, 1)
  for (let column = 0; column < 8; column++) forward(block, column, 8)
}

export function inverseCosine(block: Float32Array): void {
  for (let column = 0; column < 8; column++) backward(block, column, 8)
  for (let row = 0; row < 64; row += 8) backward(block, row, 1)
}

// --- internal ---

/** cos(k·π/16) / 2; the first is that of a constant: 1 / √8. */
const [c0, c1, c2, c3, c4, c5, c6, c7] = [
  Math.sqrt(1 / 8),
  ...[1, 2, 3, 4, 5, 6, 7].map((k) => Math.cos((k * Math.PI) / 16) / 2),
] as [number, number, number, number, number, number, number, number]

// Eight samples are split into an even and an odd half, which halves the multiplications; written out, because it is
// the innermost loop of all and runs a million times for each megapixel.

function forward(v: Float32Array, at: number, by: number): void {
  const [x0, x1, x2, x3] = [
    v[at] as number,
    v[at + by] as number,
    v[at + 2 * by] as number,
    v[at + 3 * by] as number,
  ]
  const [x4, x5, x6, x7] = [
    v[at + 4 * by] as number,
    v[at + 5 * by] as number,
    v[at + 6 * by] as number,
    v[at + 7 * by] as number,
  ]
  const [e0, e1, e2, e3] = [x0 + x7, x1 + x6, x2 + x5, x3 + x4]
  const [o0, o1, o2, o3] = [x0 - x7, x1 - x6, x2 - x5, x3 - x4]
  v[at] = c0 * (e0 + e1 + e2 + e3)
  v[at + 4 * by] = c4 * (e0 - e1 - e2 + e3)
  v[at + 2 * by] = c2 * (e0 - e3) + c6 * (e1 - e2)
  v[at + 6 * by] = c6 * (e0 - e3) - c2 * (e1 - e2)
  v[at + by] = c1 * o0 + c3 * o1 + c5 * o2 + c7 * o3
  v[at + 3 * by] = c3 * o0 - c7 * o1 - c1 * o2 - c5 * o3
  v[at + 5 * by] = c5 * o0 - c1 * o1 + c7 * o2 + c3 * o3
  v[at + 7 * by] = c7 * o0 - c5 * o1 + c3 * o2 - c1 * o3
}

function backward(v: Float32Array, at: number, by: number): void {
  const [y0, y1, y2, y3] = [
    v[at] as number,
    v[at + by] as number,
    v[at + 2 * by] as number,
    v[at + 3 * by] as number,
  ]
  const [y4, y5, y6, y7] = [
    v[at + 4 * by] as number,
    v[at + 5 * by] as number,
    v[at + 6 * by] as number,
    v[at + 7 * by] as number,
  ]
  const [sum, difference] = [c0 * y0 + c4 * y4, c0 * y0 - c4 * y4]
  const [outer, inner] = [c2 * y2 + c6 * y6, c6 * y2 - c2 * y6]
  const [e0, e1, e2, e3] = [sum + outer, difference + inner, difference - inner, sum - outer]
  const o0 = c1 * y1 + c3 * y3 + c5 * y5 + c7 * y7
  const o1 = c3 * y1 - c7 * y3 - c1 * y5 - c5 * y7
  const o2 = c5 * y1 - c1 * y3 + c7 * y5 + c3 * y7
  const o3 = c7 * y1 - c5 * y3 + c3 * y5 - c1 * y7
  v[at] = e0 + o0
  v[at + by] = e1 + o1
  v[at + 2 * by] = e2 + o2
  v[at + 3 * by] = e3 + o3
  v[at + 4 * by] = e3 - o3
  v[at + 5 * by] = e2 - o2
  v[at + 6 * by] = e1 - o1
  v[at + 7 * by] = e0 - o0
}
