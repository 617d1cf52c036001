/**
 * At most so many of something at once; the others wait for their turn, in order. Fifty pictures that arrive together
 * would otherwise be unpacked together, and each takes a hundred megabytes.
 */
export function createTurns(atOnce: number): <Answer>(work: () => Promise<Answer>) => Promise<Answer> {
  let free = atOnce
  const waiting: (() => void)[] = []
  return async function inTurn(work) {
    if (free > 0) free--
    else await new Promise<void>((turn) => waiting.push(turn))
    try {
      return await work()
    } finally {
      const next = waiting.shift()
      if (next) next()
      else free++
    }
  }
}
