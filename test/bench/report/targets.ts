import { median } from '../load/percentile.ts'
import type { RowResult } from '../measure.ts'
import type { Target } from '../row.ts'

export interface Judgement {
  readonly row: string
  /** Such as `cpu ≤ 0.65 × Caddy's cpu`. */
  readonly wanted: string
  /** The ratio or the figure; undefined if it was not measured. */
  readonly value: number | undefined
  readonly verdict: 'met' | 'missed' | 'not measured'
}

/** Gatehouse's figures against what they should be. */
export function judge({ row, results }: RowResult): Judgement[] {
  return row.targets.map((target) => {
    const value = measuredOf(target, results)
    const met =
      value !== undefined &&
      value <= (target.most ?? Number.POSITIVE_INFINITY) &&
      value >= (target.least ?? 0)
    const verdict = value === undefined ? 'not measured' : met ? 'met' : 'missed'
    return { row: row.name, wanted: describeTarget(target, { row, results }), value, verdict }
  })
}

/** Both sides of a ratio are of the same round, so that drift between rounds is not in it. */
function measuredOf({ figure, over }: Target, results: RowResult['results']): number | undefined {
  const samplesOf = (name: string) => results.find(({ contender }) => contender.name === name)?.samples ?? []
  const others = over ? samplesOf(over.contender) : []
  const values = samplesOf('gatehouse').flatMap((sample, round) => {
    const own = sample[figure]
    const other = over ? others[round]?.[over.figure] : 1
    return own === undefined || other === undefined ? [] : [own / other]
  })
  return values.length === 0 ? undefined : median(values)
}

function describeTarget(
  { figure, over, most, least }: Target,
  { row, results }: Pick<RowResult, 'row' | 'results'>,
): string {
  const titleOf = (key: string) => row.figures.find((each) => each.key === key)?.title ?? key
  const bound = most === undefined ? `≥ ${least}` : `≤ ${most}`
  if (!over)
    return `${titleOf(figure)} ${bound} ${row.figures.find((each) => each.key === figure)?.unit ?? ''}`.trim()
  const other =
    results.find(({ contender }) => contender.name === over.contender)?.contender.title ?? over.contender
  const theirs = over.figure === figure ? other : `${other}: ${titleOf(over.figure)}`
  return `${titleOf(figure)} ${bound} × ${theirs}`
}
