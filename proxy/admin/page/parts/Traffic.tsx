import { useState } from 'react'
import { showBytes, showDuration, showNumber } from '../format.ts'
import type { Live } from '../use-stream.ts'
import { AreaChart, LineChart } from './Chart.tsx'

/** How much, how well and how fast, now and over time. */
export function Traffic({ live }: { live: Live }) {
  const [range, setRange] = useState<'seconds' | 'history'>('seconds')
  const total = live.figures?.total
  const points = live[range]
  return (
    <section id="traffic" aria-label="Traffic" className="traffic">
      <dl className="tiles">
        <Tile name="Requests" value={showNumber(total?.perSecond)} unit="/s" />
        <Tile
          name="Failed (5xx)"
          value={showNumber(total?.failed)}
          unit="/s"
          tone={total?.failed ? 'bad' : ''}
        />
        <Tile
          name="Refused (4xx)"
          value={showNumber(total?.refused)}
          unit="/s"
          tone={total?.refused ? 'warn' : ''}
        />
        <Tile name="Median" value={showDuration(total?.p50)} />
        <Tile name="Slowest 1%" value={showDuration(total?.p99)} />
        <Tile name="Sent" value={showBytes(total?.sent ?? 0)} unit="/s" />
      </dl>
      <div className="card charts">
        <div className="panel-head">
          <h2>Traffic</h2>
          <fieldset className="choice">
            <legend className="visually-hidden">Time shown</legend>
            {(['seconds', 'history'] as const).map((each) => (
              <label key={each}>
                <input type="radio" name="range" checked={range === each} onChange={() => setRange(each)} />
                {each === 'seconds' ? '2 minutes' : '30 minutes'}
              </label>
            ))}
          </fieldset>
        </div>
        {points.length < 2 ? (
          <p className="soft empty">
            {range === 'seconds'
              ? 'The first seconds are being counted…'
              : 'The first minute is being counted…'}
          </p>
        ) : (
          <div className="pair bare">
            <AreaChart points={points} span={range === 'seconds' ? 120_000 : 1_800_000} />
            <LineChart points={points} span={range === 'seconds' ? 120_000 : 1_800_000} />
          </div>
        )}
      </div>
    </section>
  )
}

function Tile({
  name,
  value,
  unit = '',
  tone = '',
}: {
  name: string
  value: string
  unit?: string
  tone?: string
}) {
  return (
    <div className={`tile card ${tone}`}>
      <dt>{name}</dt>
      <dd>
        {value}
        {unit && <span className="unit">{unit}</span>}
      </dd>
    </div>
  )
}
