import { fairQueue } from './fair-queue.ts'

/** Memory for bodies that are under way. Who finds none left waits, each address in its turn. */
export interface Budget {
  /** Resolves with what gives the bytes back. */
  take(address: string, bytes: number): Promise<() => void>
}

/** One address has so much of it at most, and always enough for one body. */
const share = 1 / 4

export function budgetOf(total: number): Budget {
  const held = new Map<string, number>()
  const waiting = fairQueue<Waiter>()
  let used = 0

  function tryTake({ address, bytes, ready }: Waiter): boolean {
    const own = held.get(address) ?? 0
    const isFree = used === 0 || used + bytes <= total
    if (!isFree || (own > 0 && own + bytes > total * share)) return false
    used += bytes
    held.set(address, own + bytes)
    let isHeld = true
    ready(() => {
      if (!isHeld) return
      isHeld = false
      used -= bytes
      const left = (held.get(address) ?? 0) - bytes
      if (left > 0) held.set(address, left)
      else held.delete(address)
      serveWaiting()
    })
    return true
  }

  function serveWaiting(): void {
    const refused = waiting.take(waiting.length).filter((waiter) => !tryTake(waiter))
    for (const waiter of refused) waiting.push(waiter.address, '', waiter)
  }

  return {
    take: (address, bytes) =>
      new Promise((ready) => {
        const waiter = { address, bytes, ready }
        // Whoever comes now does not pass by those of its own address who wait.
        if (waiting.length > 0 || !tryTake(waiter)) {
          waiting.push(address, '', waiter)
          serveWaiting()
        }
      }),
  }
}

// --- internal ---

interface Waiter {
  readonly address: string
  readonly bytes: number
  ready(release: () => void): void
}
