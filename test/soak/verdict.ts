import { type Figure, figures, type Sample } from './sampler.ts'
import type { Counts } from './tally.ts'
import { lowest, trendOf } from './trend.ts'

/** One thing that must hold, and whether it did. */
export interface Finding {
  readonly what: string
  readonly found: string
  readonly bound: string
  readonly holds: boolean
}

export interface Evidence {
  readonly samples: readonly Sample[]
  /** When traffic had ended and idle connections had time to end. */
  readonly before: Sample
  readonly after: Sample
  readonly total: Readonly<Counts>
  /** Refusals where the upstream was well: `overloaded`. */
  readonly refusedWithoutCause: number
  /** Lines of the access logs, exchanges that the metrics count, and lines that were dropped. */
  readonly lines: number
  readonly exchanges: number
  readonly dropped: number
  readonly reloads: { readonly asked: number; readonly taken: number }
  /** Workers that ended by themselves. */
  readonly deaths: number
}

/**
 * The most that the line through the last two thirds may rise, as a share of the mean. A heap is judged by its
 * floor, and memory by what is left of it when garbage has been collected: the teeth of the primary are longer than an
 * hour. What a few connections more or less make of a small number is not growth.
 */
const bounds: Readonly<Record<Figure, { share: number; absolute: number }>> = {
  memory: { share: 0.2, absolute: 24 * 1024 ** 2 },
  collected: { share: 0.1, absolute: 24 * 1024 ** 2 },
  heap: { share: 0.1, absolute: 8 * 1024 ** 2 },
  descriptors: { share: 0.1, absolute: 15 },
  sockets: { share: 0.1, absolute: 15 },
}

const names: Readonly<Record<Figure, string>> = {
  memory: 'memory',
  collected: 'memory without garbage',
  heap: 'the floor of the heap',
  descriptors: 'descriptors',
  sockets: 'sockets',
}

/** A machine that others use as well may stand still for seconds. More than this would be no test of what is served. */
const mostRefused = 0.01
/** Spans of time of which the floor of the heap is taken. */
const spans = 12

export function judge(evidence: Evidence): Finding[] {
  const { total, refusedWithoutCause, samples, before, after, lines, exchanges, dropped, reloads, deaths } =
    evidence
  const all = total.right + total.refused + total.wrong + total.failed
  const end = samples.at(-1)?.at ?? 0
  const last = samples.filter(({ at }) => at >= end / 3)
  return [
    finding('wrong answers', total.wrong, 0),
    finding('requests that failed', total.failed, 0),
    {
      what: 'refusals as overloaded',
      found: percent(refusedWithoutCause / all),
      bound: `at most ${percent(mostRefused)}`,
      holds: refusedWithoutCause <= all * mostRefused,
    },
    ...figures.map((figure) => judgeTrend(figure, last)),
    finding('exchanges under way when everybody has left', after.inFlight, 0),
    {
      what: 'sockets when everybody has left',
      found: `${after.sockets}`,
      bound: `at most ${mostSocketsLeft(before)}: as before anybody came`,
      holds: after.sockets <= mostSocketsLeft(before),
    },
    {
      what: 'lines in the access logs',
      found: `${lines}, and ${dropped} dropped`,
      bound: `${exchanges}: one for each exchange`,
      holds: lines === exchanges && dropped === 0,
    },
    finding('reloads that were not taken up', reloads.asked - reloads.taken, 0),
    finding('workers that ended', deaths, 0),
  ]
}

/** Those of the processes among themselves, and of the admin listener. */
export function mostSocketsLeft(before: Sample): number {
  return before.sockets + 2
}

function judgeTrend(figure: Figure, samples: readonly Sample[]): Finding {
  const points = samples.map((sample) => ({ at: sample.at, value: sample[figure] }))
  const { share, growth, mean } = trendOf(figure === 'heap' ? lowest(points, spans) : points)
  const bound = bounds[figure]
  return {
    what: `growth of ${names[figure]}`,
    found: `${percent(share)} of ${inUnit(figure, mean)}`,
    bound: `at most ${percent(bound.share)}, or ${inUnit(figure, bound.absolute)}`,
    holds: share <= bound.share || growth <= bound.absolute,
  }
}

function inUnit(figure: Figure, value: number): string {
  const isCount = figure === 'descriptors' || figure === 'sockets'
  return isCount ? value.toFixed(0) : `${(value / 1024 ** 2).toFixed(0)} MB`
}

function finding(what: string, found: number, bound: number): Finding {
  return { what, found: String(found), bound: String(bound), holds: found === bound }
}

function percent(share: number): string {
  return `${(share * 100).toFixed(1)} %`
}
