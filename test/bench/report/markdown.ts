import { median } from '../load/percentile.ts'
import type { RowResult } from '../measure.ts'
import { figureText } from './number.ts'
import type { Report } from './report.ts'
import { judge } from './targets.ts'

/** The whole report as Markdown: the targets first, then a table for each row. */
export function markdown({ machine, versions, results }: Report): string {
  const { processor, cores, memory, kernel, runtime } = machine
  return `# Measurements

${processor}, ${cores} cores, ${memory}, Linux ${kernel}, ${runtime}.
${versions.join(', ')}.

The proxy has core 0 for itself, the load and the upstream share core 1. CPU is user and system time of all processes of
the proxy. Figures are medians of rounds in which the contenders took turns, with the lowest and the highest in
brackets; a ratio is the median of the ratios round by round. Answers were checked before they were counted. Where the
load average was above 0.5 when a row began, something else was running: then only its ratios mean something.

${targetsTable(results)}
${results.map(rowSection).join('\n')}`
}

function targetsTable(results: readonly RowResult[]): string {
  const judgements = results.flatMap(judge)
  if (judgements.length === 0) return ''
  return table(
    ['row', 'target', 'measured', ''],
    judgements.map(({ row, wanted, value, verdict }) => [
      row,
      wanted,
      figureText(value),
      verdict === 'missed' ? '**missed**' : verdict,
    ]),
  )
}

function rowSection({ row, results, circumstances }: RowResult): string {
  const { at, commit, loadAverage, rounds } = circumstances
  const head = ['', ...row.figures.map(({ title, unit }) => (unit ? `${title}, ${unit}` : title))]
  const lines = results
    .filter(({ samples }) => samples.length > 0)
    .map(({ contender, samples }) => [
      contender.title,
      ...row.figures.map(({ key }) => spread(samples.flatMap((sample) => sample[key] ?? []))),
    ])
  const failures = results
    .filter(({ failure }) => failure !== undefined)
    .map(({ contender, failure }) => `- ${contender.title} was left out: ${failure?.split('\n')[0]}\n`)
  return `## ${row.name}: ${row.title}

${row.method}

${at.slice(0, 16).replace('T', ' ')} UTC, commit ${commit}, ${rounds} rounds, load average ${loadAverage.toFixed(1)}.

![${row.title}](${row.name}.svg)

${table(head, lines)}${failures.join('')}`
}

function spread(values: readonly number[]): string {
  if (values.length === 0) return '–'
  if (values.length === 1) return figureText(values[0])
  return `${figureText(median(values))} (${figureText(Math.min(...values))}–${figureText(Math.max(...values))})`
}

function table(head: readonly string[], lines: readonly (readonly string[])[]): string {
  const render = (cells: readonly string[]) => `| ${cells.join(' | ')} |`
  return `${[head, head.map((_, column) => (column === 0 ? '---' : '--:')), ...lines].map(render).join('\n')}\n`
}
