import { styleText } from 'node:util'
import type { Figures } from '../admin/dashboard/meter.ts'
import type { Overview } from '../admin/dashboard/overview.ts'

/** The table of `gatehouse top`: routes with most to do first, upstreams, workers. */
export function topText(figures: Figures, overview: Overview, colour: boolean): string {
  const paint: Paint = (format, text) => (colour ? styleText(format, text) : text)
  const { total, at } = figures
  const { version, readiness, processes } = overview
  const state = readiness.ready ? paint('green', 'ready') : paint('red', 'not ready')
  return [
    `${paint('bold', `Gatehouse ${version}`)}  ${state}  ${new Date(at).toISOString().slice(11, 19)} UTC`,
    `${number(total.perSecond)} req/s  ${number(total.refused)} 4xx/s  ${number(total.failed)} 5xx/s  p50 ${showDuration(total.p50)}  p99 ${showDuration(total.p99)}  ${showBytes(total.sent)}/s`,
    ...readiness.reasons.map((reason) => paint('yellow', `! ${reason}`)),
    '',
    ...routeTable(figures, overview, paint),
    '',
    ...upstreamTable(overview, paint),
    '',
    ...align(
      ['worker', 'state', 'memory', 'for'],
      processes.workers.map(({ pid, state, memory, startedAt }) => [
        String(pid ?? '-'),
        state,
        showBytes(memory),
        showAge(at - startedAt),
      ]),
      paint,
    ),
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

function routeTable({ routes }: Figures, overview: Overview, paint: Paint): string[] {
  const rates = new Map(routes.map((rate) => [rate.route, rate]))
  const names = new Set([...overview.routes.map(({ name }) => name), ...rates.keys()])
  const rateOf = (name: string): number => rates.get(name)?.perSecond ?? 0
  const sorted = [...names].toSorted((a, b) => rateOf(b) - rateOf(a))
  return align(
    ['route', 'req/s', '4xx/s', '5xx/s', 'p50', 'p99', 'in all', 'goes to'],
    sorted.map((name) => {
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
    }),
    paint,
    (row) => (Number(row[3]) > 0 ? 'red' : undefined),
  )
}

function upstreamTable({ upstreams }: Overview, paint: Paint): string[] {
  if (upstreams.length === 0) return [paint('dim', 'no upstream has a target')]
  return align(
    ['upstream', 'targets', 'in flight', 'why'],
    upstreams.map(({ name, health, targets }) => [
      name,
      Object.entries(health)
        .map(([state, count]) => `${count} ${state}`)
        .join(', '),
      String(targets.reduce((sum, { inFlight }) => sum + inFlight, 0)),
      targets.find((target) => target.health !== 'well')?.reason ?? '',
    ]),
    paint,
    ([, states = '']) => (/^\d+ well$/.test(states) ? undefined : 'yellow'),
  )
}

/** Numbers to the right, words to the left, as far as the heading says which is which. */
function align(
  heading: readonly string[],
  rows: readonly (readonly string[])[],
  paint: Paint,
  hueOf?: (row: readonly string[]) => 'red' | 'yellow' | undefined,
): string[] {
  const isRight = (at: number): boolean =>
    /^(req|4xx|5xx|p50|p99|in all|in flight|memory)/.test(heading[at] ?? '')
  const widths = heading.map((title, at) =>
    Math.max(title.length, ...rows.map((row) => (row[at] ?? '').length)),
  )
  const line = (cells: readonly string[]): string =>
    cells
      .map((cell, at) => (isRight(at) ? cell.padStart(widths[at] ?? 0) : cell.padEnd(widths[at] ?? 0)))
      .join('  ')
      .trimEnd()
  return [
    paint('dim', line(heading)),
    ...rows.map((row) => {
      const hue = hueOf?.(row)
      return hue === undefined ? line(row) : paint(hue, line(row))
    }),
  ]
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
