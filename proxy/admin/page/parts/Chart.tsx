import type { Point } from '../../dashboard/meter.ts'
import { showDuration, showNumber, showSpan } from '../format.ts'

interface ChartProps {
  readonly points: readonly Point[]
  /** Milliseconds from the left edge to the right. */
  readonly span: number
}

const [width, height] = [600, 180]

/** Answers by what became of them, one on another: what went well, what was refused, what failed. */
export function AreaChart({ points, span }: ChartProps) {
  const most = niceMost(Math.max(...points.map(({ perSecond }) => perSecond), 1))
  const layers = [
    ['failed', ({ failed }: Point) => failed, () => 0],
    ['refused', ({ failed, refused }: Point) => failed + refused, ({ failed }: Point) => failed],
    ['well', ({ perSecond }: Point) => perSecond, ({ failed, refused }: Point) => failed + refused],
  ] as const
  const last = points.at(-1)
  return (
    <figure className="chart">
      <figcaption>
        <span className="key well">well</span> <span className="key refused">refused</span>{' '}
        <span className="key failed">failed</span> <span className="soft">per second</span>
      </figcaption>
      <Canvas
        label={`Requests per second over ${showSpan(span)}: now ${showNumber(last?.perSecond)}, at most ${showNumber(Math.max(...points.map(({ perSecond }) => perSecond)))}; failed now ${showNumber(last?.failed)}`}
        most={showNumber(most)}
        half={showNumber(most / 2)}
        span={span}
      >
        {layers.map(([name, top, bottom]) => (
          <path key={name} className={name} d={areaOf(points, span, most, top, bottom)} />
        ))}
      </Canvas>
    </figure>
  )
}

/** Median and slowest hundredth. */
export function LineChart({ points, span }: ChartProps) {
  const most = niceMost(Math.max(...points.map(({ p99 = 0 }) => p99), 1))
  const last = points.findLast(({ p99 }) => p99 !== undefined)
  return (
    <figure className="chart">
      <figcaption>
        <span className="key p50">median</span> <span className="key p99">slowest 1%</span>{' '}
        <span className="soft">duration</span>
      </figcaption>
      <Canvas
        label={`Durations over ${showSpan(span)}: last median ${showDuration(last?.p50)}, slowest hundredth ${showDuration(last?.p99)}`}
        most={showDuration(most)}
        half={showDuration(most / 2)}
        span={span}
      >
        <path className="p99" d={lineOf(points, span, most, ({ p99 }) => p99)} />
        <path className="p50" d={lineOf(points, span, most, ({ p50 }) => p50)} />
      </Canvas>
    </figure>
  )
}

/** A few rates, without any scale. */
export function Spark({ values }: { values: readonly number[] }) {
  const most = Math.max(...values, 0.1)
  const step = 80 / 119
  const path = values
    .map(
      (value, at) =>
        `${at === 0 ? 'M' : 'L'}${((119 - values.length + 1 + at) * step).toFixed(1)} ${(21 - (value / most) * 19).toFixed(1)}`,
    )
    .join('')
  return (
    <svg className="spark" viewBox="0 0 80 22" width="80" height="22" aria-hidden="true">
      <path d={path} />
    </svg>
  )
}

// --- internal ---

interface CanvasProps {
  readonly label: string
  readonly most: string
  readonly half: string
  readonly span: number
  readonly children: React.ReactNode
}

function Canvas({ label, most, half, span, children }: CanvasProps) {
  return (
    <div className="canvas">
      <svg viewBox={`0 0 ${width} ${height}`} preserveAspectRatio="none" role="img" aria-label={label}>
        {[0, 0.5, 1].map((at) => (
          <line
            key={at}
            className="grid"
            x1="0"
            x2={width}
            y1={at * (height - 2) + 1}
            y2={at * (height - 2) + 1}
          />
        ))}
        {children}
      </svg>
      <span className="scale top" aria-hidden="true">
        {most}
      </span>
      <span className="scale middle" aria-hidden="true">
        {half}
      </span>
      <span className="scale begin" aria-hidden="true">{`${showSpan(span)} ago`}</span>
      <span className="scale now" aria-hidden="true">
        now
      </span>
    </div>
  )
}

function areaOf(
  points: readonly Point[],
  span: number,
  most: number,
  top: (point: Point) => number,
  bottom: (point: Point) => number,
): string {
  const place = placer(points, span, most)
  const above = points.map((point) => place(point, top(point)))
  const below = points.map((point) => place(point, bottom(point))).toReversed()
  return `M${[...above, ...below].join('L')}Z`
}

function lineOf(
  points: readonly Point[],
  span: number,
  most: number,
  heightOf: (point: Point) => number | undefined,
): string {
  const place = placer(points, span, most)
  let path = ''
  let isDrawing = false
  for (const point of points) {
    const value = heightOf(point)
    if (value !== undefined) path += `${isDrawing ? 'L' : 'M'}${place(point, value)}`
    isDrawing = value !== undefined
  }
  return path
}

function placer(points: readonly Point[], span: number, most: number) {
  const end = points.at(-1)?.at ?? 0
  return ({ at }: Point, value: number): string => {
    const x = width * (1 - (end - at) / span)
    const y = 1 + (height - 2) * (1 - Math.min(1, value / most))
    return `${x.toFixed(1)} ${y.toFixed(1)}`
  }
}

/** 1, 2 or 5 with zeros: what a scale is read by. */
function niceMost(value: number): number {
  const power = 10 ** Math.floor(Math.log10(value))
  return ([1, 2, 5, 10].find((each) => each * power >= value) ?? 10) * power
}
