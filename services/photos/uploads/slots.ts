/** How many uploads of each user are under way, or event streams open. */
export interface Slots {
  /** Takes a slot and answers how to give it back, once; undefined if the user has none left. */
  take(userId: string): (() => void) | undefined
}

export function createSlots(perUser: number): Slots {
  const taken = new Map<string, number>()
  return {
    take(userId) {
      const before = taken.get(userId) ?? 0
      if (before >= perUser) return undefined
      taken.set(userId, before + 1)
      let isHeld = true
      return function giveBack() {
        if (!isHeld) return
        isHeld = false
        const now = (taken.get(userId) ?? 1) - 1
        if (now === 0) taken.delete(userId)
        else taken.set(userId, now)
      }
    },
  }
}
