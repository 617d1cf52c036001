/** What became of what was asked, by kind of traffic. */
export interface Tally {
  /** What was due came. */
  right(kind: string): void
  /** It was refused in a way that is allowed there: 503 of an upstream that is down, `overloaded`. */
  refused(kind: string): void
  /** Something else than what was due: another body, another status, another's answer. */
  wrong(kind: string, what: string): void
  /** Nothing came where something was due: a reset, a time-out. */
  failed(kind: string, what: string): void
  readonly kinds: ReadonlyMap<string, Readonly<Counts>>
  readonly total: Readonly<Counts>
  /** The first of what was wrong or failed, with the time. */
  readonly faults: readonly string[]
}

export interface Counts {
  right: number
  refused: number
  wrong: number
  failed: number
}

const mostFaults = 50

export function createTally(): Tally {
  const kinds = new Map<string, Counts>()
  const total = noCounts()
  const faults: string[] = []
  const count = (kind: string, what: keyof Counts): void => {
    const counts = kinds.get(kind) ?? noCounts()
    kinds.set(kind, counts)
    counts[what]++
    total[what]++
  }
  const fault = (kind: string, what: 'wrong' | 'failed', detail: string): void => {
    count(kind, what)
    if (faults.length < mostFaults) faults.push(`${new Date().toISOString()} ${kind} ${what}: ${detail}`)
  }
  return {
    right: (kind) => count(kind, 'right'),
    refused: (kind) => count(kind, 'refused'),
    wrong: (kind, what) => fault(kind, 'wrong', what),
    failed: (kind, what) => fault(kind, 'failed', what),
    kinds,
    total,
    faults,
  }
}

function noCounts(): Counts {
  return { right: 0, refused: 0, wrong: 0, failed: 0 }
}
