/** Bytes that can be told from any others: `seed` says where in a long pattern without repetition they begin. */
export function bodyOf(seed: number, size: number): Buffer {
  const start = seed % (pattern.length - mostBytes)
  return pattern.subarray(start, start + Math.min(size, mostBytes))
}

/** The longest body there is. */
export const mostBytes = 1024 * 1024

const pattern = Buffer.alloc(2 * mostBytes)
for (let i = 0, state = 1; i < pattern.length; i += 4) {
  // xorshift: the same in every process, and nothing in it repeats within a body.
  state ^= state << 13
  state ^= state >>> 17
  state ^= state << 5
  pattern.writeInt32LE(state, i)
}
