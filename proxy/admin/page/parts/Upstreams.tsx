import type { Overview, OverviewTarget, OverviewUpstream } from '../../dashboard/overview.ts'
import { showCount, showSpan } from '../format.ts'
import { Address } from './Address.tsx'
import { Panel } from './Panel.tsx'

/** Who stands behind the routes, and how they are. */
export function Upstreams({ upstreams }: Pick<Overview, 'upstreams'>) {
  return (
    <Panel id="upstreams" title="Upstreams">
      {upstreams.length === 0 ? (
        <p className="soft empty">
          Nobody is there yet. A service announces itself with <code>gatehouse token</code>, or stands in{' '}
          <code>upstreams:</code> with its address.
        </p>
      ) : (
        <ul className="upstreams">
          {upstreams.map((upstream) => (
            <Upstream key={upstream.name} {...upstream} />
          ))}
        </ul>
      )}
    </Panel>
  )
}

function Upstream({ name, health, targets }: OverviewUpstream) {
  const all = Object.values(health).reduce((sum, count) => sum + count, 0)
  const well = health.well ?? 0
  return (
    <li>
      <h3>
        {name}{' '}
        <span className={`chip ${well === all ? 'good' : well > 0 ? 'warn' : 'bad'}`}>
          {well === all ? `${well} well` : `${well} of ${all} well`}
        </span>
      </h3>
      <ul className="targets">
        {targets.map((target) => (
          <li key={`${target.key}/${target.id}/${target.url}`}>
            <span className={`dot ${toneOf(target)}`} aria-hidden="true" />
            <span>
              <code>
                <Address text={target.url} />
              </code>{' '}
              <span className="soft">{describe(target)}</span>
              {target.reason && target.health !== 'well' && <span className="under">{target.reason}</span>}
            </span>
          </li>
        ))}
        {all > targets.length && (
          <li className="soft">{`and ${showCount(all - targets.length, 'more target')}`}</li>
        )}
      </ul>
    </li>
  )
}

function toneOf({ health }: OverviewTarget): string {
  if (health === 'well') return 'good'
  return health === 'draining' || health === 'away' ? 'warn' : 'bad'
}

function describe({ key, id, health, inFlight, lease }: OverviewTarget): string {
  const words = [health as string]
  if (key !== undefined || id !== undefined) words.push([key, id].filter(Boolean).join('/'))
  if (inFlight > 0) words.push(`${inFlight} under way`)
  if (lease?.sinceHeartbeatMs !== undefined)
    words.push(`heard ${showSpan(lease.sinceHeartbeatMs)} ago, lease of ${showSpan(lease.ttlMs)}`)
  return words.join(' · ')
}
