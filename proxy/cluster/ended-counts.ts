import { keepCounts, type MetricsJson } from '../observability/metrics.ts'

/** What workers that have ended had counted: without it, totals would fall whenever one is replaced. */
export interface EndedCounts {
  add(counted: MetricsJson | undefined): Promise<void>
  readonly all: readonly MetricsJson[]
}

export function createEndedCounts(): EndedCounts {
  let ended: MetricsJson[] = []
  return {
    async add(counted) {
      if (counted === undefined) return
      const before = ended
      ended = [...before, counted]
      const sum = await keepCounts(ended)
      ended = [sum, ...ended.slice(before.length + 1)]
    },
    get all() {
      return ended
    },
  }
}
