import type { ReloadReport } from '../../dashboard/reload-report.ts'
import { showCount, showTime } from '../format.ts'
import { Panel } from './Panel.tsx'

/** What became of the last changes of routes.yaml. */
export function Reloads({ reloads, file }: { reloads: readonly ReloadReport[]; file: string }) {
  return (
    <Panel id="reloads" title="Reloads">
      {reloads.length === 0 ? (
        <p className="soft empty">
          <code>{file}</code> is as it was at the start. A change of it is live within a second, and told
          here.
        </p>
      ) : (
        <ol className="rows">
          {reloads.map((reload) => (
            <li key={reload.at}>
              <span className={`chip ${reload.outcome === 'refused' ? 'bad' : 'good'}`}>
                {reload.outcome}
              </span>
              <Reload {...reload} />
            </li>
          ))}
        </ol>
      )}
    </Panel>
  )
}

function Reload({ at, outcome, changes, problems, needRestart, endedTunnels }: ReloadReport) {
  return (
    <div>
      <time className="soft" dateTime={new Date(at).toISOString()}>
        {showTime(at)}
      </time>{' '}
      {outcome === 'refused' && `${showCount(problems.length, 'mistake')}; what ran before goes on`}
      {outcome === 'taken back' && 'the file is again what runs'}
      {outcome === 'taken up' && changes.length === 0 && 'nothing in it changed'}
      {problems.length > 0 && (
        <ul className="problems">
          {problems.map((problem) => (
            <li key={problem}>{problem}</li>
          ))}
        </ul>
      )}
      {changes.map(({ of, kind, details }) => (
        <div key={of} className="change">
          <strong>{of}</strong> <span className={`kind ${kind}`}>{kind}</span>
          <ul>
            {details.map((detail) => (
              <li key={detail}>{detail}</li>
            ))}
          </ul>
        </div>
      ))}
      {endedTunnels > 0 && <p className="soft">{`${showCount(endedTunnels, 'tunnel')} ended with it.`}</p>}
      {needRestart.length > 0 && <p className="soft">{`After the next start: ${needRestart.join(', ')}`}</p>}
    </div>
  )
}
