/**
 * An allowance of so many within a minute, which grows back all the time. What it refuses costs nothing of it, so that a
 * flood leaves as much to those who come after it as to itself.
 */
export function createPace(perMinute: number): { spend(): boolean } {
  let left = perMinute
  let at = performance.now()
  return {
    spend() {
      const now = performance.now()
      left = Math.min(perMinute, left + ((now - at) * perMinute) / 60_000)
      at = now
      if (left < 1) return false
      left--
      return true
    },
  }
}
