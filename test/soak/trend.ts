/** A straight line through what was measured (least squares), and what it says of growth. */
export interface Trend {
  readonly mean: number
  /** By how much the line rises from the first moment to the last, in the unit of the values. */
  readonly growth: number
  /** The same as a share of the mean. */
  readonly share: number
}

/** At least two points, at different times. */
export function trendOf(points: readonly { readonly at: number; readonly value: number }[]): Trend {
  const count = points.length
  const meanAt = points.reduce((sum, { at }) => sum + at, 0) / count
  const mean = points.reduce((sum, { value }) => sum + value, 0) / count
  let covariance = 0
  let variance = 0
  for (const { at, value } of points) {
    covariance += (at - meanAt) * (value - mean)
    variance += (at - meanAt) ** 2
  }
  const first = points[0] as (typeof points)[number]
  const last = points[count - 1] as (typeof points)[number]
  const growth = (covariance / variance) * (last.at - first.at)
  return { mean, growth, share: growth / mean }
}

/**
 * The least of each of `parts` equal spans of time. Of something that fills up and is emptied now and then, as a
 * heap is, this is what is never emptied.
 */
export function lowest(
  points: readonly { readonly at: number; readonly value: number }[],
  parts: number,
): { at: number; value: number }[] {
  const first = points[0]?.at ?? 0
  const span = ((points.at(-1)?.at ?? 0) - first) / parts
  return Array.from({ length: parts }, (_, part) => {
    const within = points.filter(
      ({ at }) => at >= first + part * span && (at < first + (part + 1) * span || part === parts - 1),
    )
    return within.reduce(
      (least, each) => (each.value < least.value ? each : least),
      within[0] as (typeof points)[number],
    )
  }).filter((each) => each !== undefined)
}
