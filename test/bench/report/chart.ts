import { median } from '../load/percentile.ts'
import type { RowResult } from '../measure.ts'
import { figureText } from './number.ts'

const width = 640
const labelWidth = 170
const valueWidth = 110
const barHeight = 22
const barGap = 8

/** Horizontal bars of a row's first figure, as SVG. */
export function chart({ row, results }: RowResult): string {
  const [figure] = row.figures
  if (!figure) throw new Error(`${row.name} has no figure`)
  const bars = results
    .map(({ contender, samples }) => ({
      name: contender.name,
      title: contender.title,
      value: median(samples.flatMap((sample) => sample[figure.key] ?? [])),
    }))
    .filter(({ value }) => Number.isFinite(value))
  const most = Math.max(...bars.map(({ value }) => value), Number.MIN_VALUE)
  const top = 40
  const height = top + bars.length * (barHeight + barGap) + 8
  const lines = bars.map(({ name, title, value }, index) => {
    const y = top + index * (barHeight + barGap)
    const length = Math.max(1, (value / most) * (width - labelWidth - valueWidth))
    return `  <text x="${labelWidth - 8}" y="${y + 16}" text-anchor="end">${title}</text>
  <rect x="${labelWidth}" y="${y}" width="${length.toFixed(1)}" height="${barHeight}" rx="3" class="${name === 'gatehouse' ? 'own' : 'other'}"/>
  <text x="${(labelWidth + length + 8).toFixed(1)}" y="${y + 16}">${figureText(value)} ${figure.unit}</text>`
  })
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img">
  <title>${row.title}: ${figure.title}</title>
  <style>
    text { font: 14px system-ui, sans-serif; fill: #333 }
    .head { font-weight: 600 }
    .own { fill: #2563a8 }
    .other { fill: #a9b4bf }
    @media (prefers-color-scheme: dark) { text { fill: #ddd } .other { fill: #66717c } .own { fill: #5aa0e6 } }
  </style>
  <text x="8" y="22" class="head">${row.title}: ${figure.title}, ${figure.unit}</text>
${lines.join('\n')}
</svg>
`
}
