import type { Figures } from '../../dashboard/meter.ts'
import type { Overview } from '../../dashboard/overview.ts'
import { showDuration, showNumber } from '../format.ts'
import { Address } from './Address.tsx'
import { Spark } from './Chart.tsx'
import { Panel, Wide } from './Panel.tsx'

interface RoutesProps {
  readonly overview: Overview
  readonly figures: Figures | undefined
  readonly rates: ReadonlyMap<string, readonly number[]>
  onFollow(route: string): void
}

/** What each route is asked and how it goes; the busiest first. */
export function Routes({ overview, figures, rates, onFollow }: RoutesProps) {
  const rateOf = new Map(figures?.routes.map((rate) => [rate.route, rate]))
  const rows = overview.routes.toSorted(
    (a, b) => (rateOf.get(b.name)?.since ?? 0) - (rateOf.get(a.name)?.since ?? 0),
  )
  const other = rateOf.get('_other')
  return (
    <Panel id="routes" title="Routes" aside={<span className="soft">of the last 15 seconds</span>}>
      {rows.length === 0 ? (
        <p className="soft empty">
          There is no route. Write one into <code>{overview.file}</code>: <code>to:</code> says where it goes.
        </p>
      ) : (
        <Wide label="Routes">
          <table>
            <thead>
              <tr>
                <th scope="col">Route</th>
                <th scope="col" className="number">
                  Req/s
                </th>
                <th scope="col" className="some">
                  Trend
                </th>
                <th scope="col" className="number">
                  4xx/s
                </th>
                <th scope="col" className="number">
                  5xx/s
                </th>
                <th scope="col" className="number">
                  Median
                </th>
                <th scope="col" className="number">
                  Slowest 1%
                </th>
                <th scope="col" className="number more">
                  In all
                </th>
                <th scope="col" className="more">
                  Goes to
                </th>
              </tr>
            </thead>
            <tbody>
              {rows.map((route) => {
                const rate = rateOf.get(route.name)
                const tunnels = overview.tunnels[route.name] ?? 0
                return (
                  <tr key={route.name}>
                    <th scope="row">
                      <button type="button" className="link" onClick={() => onFollow(route.name)}>
                        {route.name}
                      </button>
                      {!route.available && <span className="chip bad">away</span>}
                      {tunnels > 0 && <span className="chip">{`${tunnels} open`}</span>}
                      <span className="under">
                        <Address text={route.addresses[0] ?? ''} />
                      </span>
                    </th>
                    <td className="number strong">{showNumber(rate?.perSecond)}</td>
                    <td className="some">
                      <Spark values={rates.get(route.name) ?? []} />
                    </td>
                    <td className={`number ${rate?.refused ? 'warn' : ''}`}>{showNumber(rate?.refused)}</td>
                    <td className={`number ${rate?.failed ? 'bad' : ''}`}>{showNumber(rate?.failed)}</td>
                    <td className="number">{showDuration(rate?.p50)}</td>
                    <td className="number">{showDuration(rate?.p99)}</td>
                    <td className="number more">{(rate?.since ?? 0).toLocaleString('en')}</td>
                    <td className="more">
                      {route.goesTo}
                      <span className="under">{route.rule}</span>
                    </td>
                  </tr>
                )
              })}
            </tbody>
          </table>
        </Wide>
      )}
      {other !== undefined && other.since > 0 && (
        <p className="soft">
          {`${other.since.toLocaleString('en')} exchanges fitted no route. `}
          <button type="button" className="link" onClick={() => onFollow('_other')}>
            Follow them
          </button>
        </p>
      )}
    </Panel>
  )
}
