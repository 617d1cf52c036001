import type { Sample } from './sampler.ts'
import { trendOf } from './trend.ts'

/** One line over time. */
interface Panel {
  readonly title: string
  readonly value: (sample: Sample) => number
  readonly text: (value: number) => string
}

const megabytes = (value: number): string => `${(value / 1024 ** 2).toFixed(0)} MB`
const panels: readonly Panel[] = [
  { title: 'memory', value: ({ memory }) => memory, text: megabytes },
  { title: 'without garbage', value: ({ collected }) => collected, text: megabytes },
  { title: 'heap in use', value: ({ heap }) => heap, text: megabytes },
  { title: 'sockets', value: ({ sockets }) => sockets, text: (value) => value.toFixed(0) },
  { title: 'descriptors', value: ({ descriptors }) => descriptors, text: (value) => value.toFixed(0) },
  { title: 'exchanges under way', value: ({ inFlight }) => inFlight, text: (value) => value.toFixed(0) },
  {
    title: 'event loop late by',
    value: ({ delay }) => delay,
    text: (value) => `${(value * 1000).toFixed(0)} ms`,
  },
  { title: 'cores', value: ({ cpu }) => cpu, text: (value) => value.toFixed(2) },
]

const width = 860
const left = 150
const right = 90
const panelHeight = 84
const gap = 22
const top = 34

/** All figures over the time of the run, one below the other, as SVG. The dashed line is the trend of the last two thirds. */
export function chart(title: string, samples: readonly Sample[]): string {
  const end = samples.at(-1)?.at ?? 1
  const height = top + panels.length * (panelHeight + gap) + 20
  const x = (at: number): number => left + (at / end) * (width - left - right)
  const drawn = panels.map((panel, index) =>
    drawPanel(panel, { samples, x, y: top + index * (panelHeight + gap) }),
  )
  const ticks = Array.from({ length: 7 }, (_, i) => (end * i) / 6).map(
    (at) =>
      `  <text x="${x(at).toFixed(1)}" y="${height - 6}" text-anchor="middle">${(at / 60).toFixed(end < 600 ? 1 : 0)} min</text>`,
  )
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img">
  <title>${title}</title>
  <style>
    text { font: 12px system-ui, sans-serif; fill: #333 }
    .head { font-size: 14px; font-weight: 600 }
    .line { fill: none; stroke: #2563a8; stroke-width: 1.5 }
    .trend { stroke: #c2410c; stroke-dasharray: 6 4 }
    .frame { fill: none; stroke: #ccc }
    @media (prefers-color-scheme: dark) { text { fill: #ddd } .frame { stroke: #444 } .line { stroke: #5aa0e6 } }
  </style>
  <text x="8" y="20" class="head">${title}</text>
${drawn.join('\n')}
${ticks.join('\n')}
</svg>
`
}

function drawPanel(
  { title, value, text }: Panel,
  { samples, x, y }: { samples: readonly Sample[]; x: (at: number) => number; y: number },
): string {
  const points = samples.map((sample) => ({ at: sample.at, value: value(sample) }))
  const most = Math.max(...points.map((point) => point.value), Number.MIN_VALUE) * 1.1
  const down = (height: number): string => (y + panelHeight - (height / most) * panelHeight).toFixed(1)
  const path = points.map((point) => `${x(point.at).toFixed(1)},${down(point.value)}`).join(' ')
  const last = points.filter(({ at }) => at >= (points.at(-1)?.at ?? 0) / 3)
  const { mean, growth } = trendOf(last)
  const [from, to] = [last[0]?.at ?? 0, last.at(-1)?.at ?? 0]
  return `  <rect x="${left}" y="${y}" width="${width - left - right}" height="${panelHeight}" class="frame"/>
  <text x="${left - 10}" y="${y + panelHeight / 2 + 4}" text-anchor="end">${title}</text>
  <polyline points="${path}" class="line"/>
  <line x1="${x(from).toFixed(1)}" y1="${down(mean - growth / 2)}" x2="${x(to).toFixed(1)}" y2="${down(mean + growth / 2)}" class="trend"/>
  <text x="${width - right + 8}" y="${y + 12}">${text(most / 1.1)}</text>
  <text x="${width - right + 8}" y="${y + panelHeight}">0</text>`
}
