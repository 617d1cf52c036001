import {
  addCounts,
  bucketLimits,
  type Cell,
  type Counts,
  durationLimits,
  emptyCounts,
  noService,
} from './exchange-tally.ts'

/** One sample of a metric, as prom-client prints and adds them up. */
export interface Sample {
  readonly labels: Readonly<Record<string, string | number>>
  readonly value: number
  /** Where it differs from the name of the metric: `_bucket`, `_sum` and `_count` of a histogram. */
  readonly metricName?: string
}

/** The three views of the same counts. */
const families = {
  entrypoint: (cell: Cell) => ({ ...common(cell), entrypoint: cell.listener }),
  router: (cell: Cell) =>
    cell.route === undefined ? undefined : { ...common(cell), router: cell.route, service: cell.service },
  service: (cell: Cell) =>
    cell.relayed && cell.service !== noService ? { ...common(cell), service: cell.service } : undefined,
} as const satisfies Record<string, (cell: Cell) => Sample['labels'] | undefined>

export type Family = keyof typeof families

/** The sum of all cells that have the same labels in that family. */
export interface Sum {
  readonly labels: Sample['labels']
  readonly counts: Counts
}

export function sumUp(cells: Iterable<Cell>, family: Family): Sum[] {
  const sums = new Map<string, Sum>()
  for (const cell of cells) {
    const labels = families[family](cell)
    if (labels === undefined) continue
    const key = Object.values(labels).join('\n')
    const sum = sums.get(key) ?? { labels, counts: emptyCounts() }
    addCounts(sum.counts, cell)
    sums.set(key, sum)
  }
  return [...sums.values()]
}

/** The samples of a histogram: cumulative buckets, `+Inf`, sum and count. */
export function* histogramSamples(name: string, sums: Iterable<Sum>): Iterable<Sample> {
  for (const { labels, counts } of sums) {
    if (labels.protocol !== 'http') continue
    let below = 0
    for (const [i, limit] of [...bucketLimits, '+Inf'].entries()) {
      below += counts.buckets[i] ?? 0
      if (!shown.has(limit)) continue
      yield { metricName: `${name}_bucket`, labels: { le: limit, ...labels }, value: below }
    }
    yield { metricName: `${name}_sum`, labels, value: counts.seconds }
    yield { metricName: `${name}_count`, labels, value: below }
  }
}

const shown: ReadonlySet<number | string> = new Set([...durationLimits, '+Inf'])

function common({ code, method, protocol }: Cell): { code: number; method: string; protocol: string } {
  return { code, method, protocol }
}
