import type { Sample } from './exchange-families.ts'

/** Counters by label values. */
export interface Counters {
  /** One value per label, in the order of the labels. */
  add(...values: string[]): void
  addMany(count: number, ...values: string[]): void
  /** Drops the counters whose first label value is not to be kept. */
  keep(isKept: (value: string) => boolean): void
  samples(): Iterable<Sample>
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
          value: next,
        }
    }
  }

  function count(by: number, values: readonly string[]): void {
    let level = root
    for (let i = 0; i < values.length - 1; i++) level = below(level, values[i] as string)
    const last = values[values.length - 1] as string
    level.set(last, ((level.get(last) as number | undefined) ?? 0) + by)
  }

  return {
    add: (...values) => count(1, values),
    addMany: (by, ...values) => count(by, values),
    keep(isKept) {
      for (const value of [...root.keys()]) if (!isKept(value)) root.delete(value)
    },
    samples: () => samplesBelow(root, []),
  }
}

type Level = Map<string, Level | number>

function below(level: Level, value: string): Level {
  const found = level.get(value)
  if (found instanceof Map) return found
  const made: Level = new Map()
  level.set(value, made)
  return made
}
