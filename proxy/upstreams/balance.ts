import type { UpstreamConfig } from '../config/schema.ts'
import type { Target } from './target.ts'

/** What is known of whoever asks, for those pools where the same client goes to the same target. */
export interface Asker {
  readonly client: { readonly text: string }
  readonly headers: { get(name: string): string | undefined; all(name: string): readonly string[] }
}

/** Chooses among targets that may all be taken, and of which there is at least one. `now`: Unix ms. */
export type Balance = (open: readonly Target[], now: number, asker: Asker | undefined) => Target

/** The way of balancing that the configuration names, by weights that count less while a target is new. */
export function createBalance({
  balance,
  slowStart,
}: Pick<UpstreamConfig, 'balance' | 'slowStart'>): Balance {
  const weigh: Weigh =
    slowStart === 0
      ? ({ weight }) => weight
      : ({ weight, since }, now) => weight * Math.min(1, Math.max(leastShare, (now - since) / slowStart))
  if (balance === 'leastConnections') return leastConnections(weigh)
  if (balance === 'twoChoices') return twoChoices(weigh)
  if (balance === 'client') return consistentHash(weigh, (asker) => asker.client.text)
  if (balance.startsWith('header:')) {
    const field = balance.slice('header:'.length).toLowerCase()
    return consistentHash(weigh, (asker) => asker.headers.get(field) ?? asker.client.text)
  }
  return roundRobin(weigh)
}

// --- internal ---

type Weigh = (target: Target, now: number) => number

/** The share that a new target begins with. */
const leastShare = 0.1

/**
 * Each in turn, by weight and well mixed: 3 and 1 are a a b a, not a a a b. A target gains its weight with every
 * choice, and pays the sum of all weights when it is taken.
 */
function roundRobin(weigh: Weigh): Balance {
  return (open, now) => {
    let total = 0
    let best = open[0] as Target
    for (const target of open) {
      const weight = weigh(target, now)
      total += weight
      target.turn += weight
      if (target.turn > best.turn) best = target
    }
    best.turn -= total
    return best
  }
}

/** The first of several that have equally little to do is another each time. */
function leastConnections(weigh: Weigh): Balance {
  let start = 0
  return (open, now) => {
    start++
    let best: Target | undefined
    let least = Number.POSITIVE_INFINITY
    for (let i = 0; i < open.length; i++) {
      const target = open[(start + i) % open.length] as Target
      const load = (target.inFlight + 1) / weigh(target, now)
      if (load >= least) continue
      best = target
      least = load
    }
    return best as Target
  }
}

/**
 * Of two random targets the one with less to do: nearly as even as the least of all, and it does not send every
 * worker to the same one at the same moment.
 */
function twoChoices(weigh: Weigh): Balance {
  return (open, now) => {
    const first = Math.floor(Math.random() * open.length)
    const one = open[first] as Target
    if (open.length === 1) return one
    const step = 1 + Math.floor(Math.random() * (open.length - 1))
    const other = open[(first + step) % open.length] as Target
    const isBetter = (other.inFlight + 1) / weigh(other, now) < (one.inFlight + 1) / weigh(one, now)
    return isBetter ? other : one
  }
}

/**
 * Rendezvous hashing: each target draws a number from its id and the word, and the highest has it. When a target
 * goes, only what it had moves; there is no ring to keep.
 */
function consistentHash(weigh: Weigh, wordOf: (asker: Asker) => string): Balance {
  return (open, now, asker) => {
    const word = asker === undefined ? 0 : hash(wordOf(asker))
    let best = open[0] as Target
    let highest = Number.NEGATIVE_INFINITY
    for (const target of open) {
      // Between 0 and 1, both excluded.
      const drawn = (mix(hash(target.id) ^ Math.imul(word, 0x9e3779b1)) + 0.5) / 2 ** 32
      const score = -weigh(target, now) / Math.log(drawn)
      if (score <= highest) continue
      highest = score
      best = target
    }
    return best
  }
}

/** FNV-1a, 32 bits. */
function hash(text: string): number {
  let value = 0x811c9dc5
  for (let i = 0; i < text.length; i++) value = Math.imul(value ^ text.charCodeAt(i), 0x01000193)
  return mix(value)
}

/** Spreads every bit over all of them. */
function mix(value: number): number {
  let mixed = value
  mixed = Math.imul(mixed ^ (mixed >>> 16), 0x85ebca6b)
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35)
  return (mixed ^ (mixed >>> 16)) >>> 0
}
