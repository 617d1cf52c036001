import { styleText } from 'node:util'
import type { Figures } from '../admin/dashboard/meter.ts'
import type { Overview } from '../admin/dashboard/overview.ts'
import { cut, fitTable, type Lines, wrapWords } from './fit-table.ts'

/** Of the terminal. Without `rows` it may scroll. */
export interface Room {
  readonly columns: number
  readonly rows?: number
}

/** The table of `gatehouse top`: routes with most to do first, upstreams that are unwell first, workers. */
export function topText(figures: Figures, overview: Overview, colour: boolean, room?: Room): string {
  const paint: Paint = (format, text) => (colour ? styleText(format, text) : text)
  const { total, at } = figures
  const { version, readiness, processes } = overview
  const columns = room?.columns
  const state = readiness.ready ? paint('green', 'ready') : paint('red', 'not ready')
  const sums = [
    `${number(total.perSecond)} req/s`,
    `${number(total.refused)} 4xx/s`,
    `${number(total.failed)} 5xx/s`,
    `p50 ${showDuration(total.p50)}`,
    `p99 ${showDuration(total.p99)}`,
    `${showBytes(total.sent)}/s`,
  ]
  const head = [
    `${paint('bold', `Gatehouse ${version}`)}  ${state}  ${new Date(at).toISOString().slice(11, 19)} UTC`,
    ...wrapWords(sums, columns),
    ...readiness.reasons.map((reason) => paint('yellow', cut(`! ${reason}`, columns ?? reason.length + 2))),
  ]
  const workers = fitTable(
    {
      heading: ['worker', 'state', 'memory', 'for'],
      rows: processes.workers.map(({ pid, state, memory, startedAt }) => [
        String(pid ?? '-'),
        state,
        showBytes(memory),
        showAge(at - startedAt),
      ]),
    },
    columns,
  )
  // Three headings, and an empty line before each.
  const rest = (room?.rows ?? Number.POSITIVE_INFINITY) - head.length - workers.rows.length - 6
  const upstreams = upstreamLines(overview, paint, columns)
  const shown = Math.max(2, Math.min(upstreams.rows.length, Math.floor(rest / 3)))
  const section = ({ heading, rows }: Lines, most: number): string[] => {
    const left = rows.length - most
    const lines = left > 0 ? [...rows.slice(0, most - 1), paint('dim', `… and ${left + 1} more`)] : rows
    return ['', paint('dim', heading), ...lines]
  }
  return [
    ...head,
    ...section(routeLines(figures, overview, paint, columns), Math.max(2, rest - shown)),
    ...section(upstreams, shown),
    ...section(workers, workers.rows.length),
  ].join('\n')
}

/** `0.8 ms`, `140 ms`, `2.4 s`; a dash where there is none. */
export function showDuration(milliseconds: number | undefined): string {
  if (milliseconds === undefined) return '-'
  if (milliseconds >= 1000) return `${(milliseconds / 1000).toFixed(1)} s`
  return `${milliseconds < 10 ? milliseconds.toFixed(1) : Math.round(milliseconds)} ms`
}

// --- internal ---

type Paint = (format: 'bold' | 'dim' | 'green' | 'yellow' | 'red', text: string) => string

function routeLines({ routes }: Figures, overview: Overview, paint: Paint, columns?: number): Lines {
  const rates = new Map(routes.map((rate) => [rate.route, rate]))
  const names = new Set([...overview.routes.map(({ name }) => name), ...rates.keys()])
  const rateOf = (name: string): number => rates.get(name)?.perSecond ?? 0
  const sorted = [...names].toSorted((a, b) => rateOf(b) - rateOf(a))
  const rows = sorted.map((name) => {
    const rate = rates.get(name)
    const goesTo = overview.routes.find((route) => route.name === name)?.goesTo
    return [
      name === '_other' ? 'no route' : name,
      number(rate?.perSecond),
      number(rate?.refused),
      number(rate?.failed),
      showDuration(rate?.p50),
      showDuration(rate?.p99),
      (rate?.since ?? 0).toLocaleString('en'),
      goesTo ?? '',
    ]
  })
  const heading = ['route', 'req/s', '4xx/s', '5xx/s', 'p50', 'p99', 'in all', 'goes to']
  const lines = fitTable({ heading, rows, spare: ['goes to', 'in all', 'p50', '4xx/s'] }, columns)
  const hasFailed = (at: number): boolean => (rates.get(sorted[at] ?? '')?.failed ?? 0) > 0
  return { ...lines, rows: lines.rows.map((line, at) => (hasFailed(at) ? paint('red', line) : line)) }
}

function upstreamLines({ upstreams }: Overview, paint: Paint, columns?: number): Lines {
  if (upstreams.length === 0) return { heading: 'no upstream has a target', rows: [] }
  const isWell = ({ health }: Overview['upstreams'][number]): boolean =>
    Object.keys(health).every((state) => state === 'well')
  const sorted = upstreams.toSorted((a, b) => Number(isWell(a)) - Number(isWell(b)))
  const rows = sorted.map(({ name, health, targets }) => [
    name,
    Object.entries(health)
      .map(([state, count]) => `${count} ${state}`)
      .join(', '),
    String(targets.reduce((sum, { inFlight }) => sum + inFlight, 0)),
    targets.find((target) => target.health !== 'well')?.reason ?? '',
  ])
  const heading = ['upstream', 'targets', 'in flight', 'why']
  const lines = fitTable({ heading, rows, spare: ['in flight'] }, columns)
  const hue = (line: string, at: number): string =>
    isWell(sorted[at] as Overview['upstreams'][number]) ? line : paint('yellow', line)
  return { ...lines, rows: lines.rows.map(hue) }
}

function number(value = 0): string {
  if (value === 0) return '0'
  return value < 10 ? value.toFixed(1) : Math.round(value).toLocaleString('en')
}

function showBytes(bytes: number): string {
  const units = ['B', 'kB', 'MB', 'GB']
  let [value, unit] = [bytes, 0]
  while (value >= 1000 && unit < units.length - 1) [value, unit] = [value / 1000, unit + 1]
  return `${value < 10 && unit > 0 ? value.toFixed(1) : Math.round(value)} ${units[unit]}`
}

function showAge(milliseconds: number): string {
  const minutes = Math.floor(milliseconds / 60_000)
  if (minutes < 1) return `${Math.max(0, Math.round(milliseconds / 1000))} s`
  if (minutes < 120) return `${minutes} min`
  return minutes < 2880 ? `${Math.floor(minutes / 60)} h` : `${Math.floor(minutes / 1440)} days`
}
