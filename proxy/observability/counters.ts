import type { Sample } from './exchange-families.ts'

/** Counters by label values. */
export interface Counters {
  /** One value per label, in the order of the labels. */
  add(...values: string[]): void
  addMany(count: number, ...values: string[]): void
  /** The counter itself, for whoever adds to it again and again. Once dropped, it counts for nobody. */
  counter(...values: string[]): Counter
  /** Drops the counters whose first label value is not to be kept. */
  keep(isKept: (value: string) => boolean): void
  samples(): Iterable<Sample>
}

export interface Counter {
  count: number
}

/** Maps within maps, so that adding one builds no key. Takes at least one label. */
export function createCounters(...labelNames: [string, ...string[]]): Counters {
  const root: Level = new Map()

  function* samplesBelow(level: Level, above: readonly string[]): Iterable<Sample> {
    for (const [value, next] of level) {
      const values = [...above, value]
      if (next instanceof Map) yield* samplesBelow(next, values)
      else
        yield {
          labels: Object.fromEntries(labelNames.map((name, i) => [name, values[i] ?? ''])),
          value: next.count,
        }
    }
  }

  function counterOf(values: readonly string[]): Counter {
    let level = root
    for (let i = 0; i < values.length - 1; i++) level = below(level, values[i] as string)
    const last = values[values.length - 1] as string
    const found = level.get(last)
    if (found !== undefined && !(found instanceof Map)) return found
    const made = { count: 0 }
    level.set(last, made)
    return made
  }

  return {
    add(...values) {
      counterOf(values).count++
    },
    addMany(by, ...values) {
      counterOf(values).count += by
    },
    counter: (...values) => counterOf(values),
    keep(isKept) {
      for (const value of [...root.keys()]) if (!isKept(value)) root.delete(value)
    },
    samples: () => samplesBelow(root, []),
  }
}

type Level = Map<string, Level | Counter>

function below(level: Level, value: string): Level {
  const found = level.get(value)
  if (found instanceof Map) return found
  const made: Level = new Map()
  level.set(value, made)
  return made
}
