/** An allowance for each minute, which begins when it is first spent. */
export function createMinute(most: number): { spend(): boolean } {
  let left = most
  let ends = 0
  return {
    spend() {
      const now = performance.now()
      if (now >= ends) {
        left = most
        ends = now + 60_000
      }
      if (left <= 0) return false
      left--
      return true
    },
  }
}
