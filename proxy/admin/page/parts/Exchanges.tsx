import type { FormEvent } from 'react'
import type { ExchangeFilter } from '../../../observability/exchange-filter.ts'
import type { FollowedExchange } from '../../../observability/followed-exchanges.ts'
import { showBytes, showCount, showDuration, showTime } from '../format.ts'
import type { Live } from '../use-stream.ts'
import { Address } from './Address.tsx'
import { Panel } from './Panel.tsx'

interface ExchangesProps {
  readonly live: Live
  readonly routes: readonly string[]
  readonly filter: ExchangeFilter
  readonly isPaused: boolean
  onFilter(filter: ExchangeFilter): void
  onPause(isPaused: boolean): void
}

/** Exchanges as they end, those that fit a filter. */
export function Exchanges({ live, routes, filter, isPaused, onFilter, onPause }: ExchangesProps) {
  const { exchanges, missed } = live
  function narrow(event: FormEvent<HTMLFormElement>): void {
    event.preventDefault()
    const form = new FormData(event.currentTarget)
    const text = (name: string): string | undefined => String(form.get(name)).trim() || undefined
    onFilter({ route: text('route'), status: text('status'), from: text('from') })
    onPause(false)
  }
  return (
    <Panel
      id="live"
      title="Live exchanges"
      aside={
        <button type="button" className="quiet" aria-pressed={isPaused} onClick={() => onPause(!isPaused)}>
          {isPaused ? 'Go on' : 'Pause'}
        </button>
      }
    >
      <form className="filters" key={JSON.stringify(filter)} onSubmit={narrow}>
        <label>
          Route
          <select name="route" defaultValue={filter.route ?? ''}>
            <option value="">all</option>
            {routes.map((name) => (
              <option key={name}>{name}</option>
            ))}
            <option value="_other">none fitted</option>
          </select>
        </label>
        <label>
          Status
          <select name="status" defaultValue={filter.status ?? ''}>
            <option value="">all</option>
            {['2xx', '3xx', '4xx', '5xx', '401', '403', '404', '429', '502', '503', '504'].map((status) => (
              <option key={status}>{status}</option>
            ))}
          </select>
        </label>
        <label>
          Client
          <input
            name="from"
            defaultValue={filter.from ?? ''}
            placeholder="any address"
            pattern="[0-9a-fA-F:.]+(/\d{1,3})?"
            title="An address such as 203.0.113.7, or a network such as 10.8.0.0/16"
            spellCheck={false}
          />
        </label>
        <button type="submit">Follow</button>
      </form>
      {missed > 0 && (
        <p className="soft">{`${showCount(missed, 'exchange')} more came than can be read. A filter shows all of what fits it.`}</p>
      )}
      {exchanges.length === 0 ? (
        <p className="soft empty">
          {isPaused ? 'Paused.' : 'Nothing has ended yet that fits. Send a request, or widen the filter.'}
        </p>
      ) : (
        <ol className="exchanges" aria-label="Exchanges, the newest first">
          {exchanges.map((exchange) => (
            <Exchange key={`${exchange.requestId}${exchange.at}`} exchange={exchange} />
          ))}
        </ol>
      )}
    </Panel>
  )
}

function Exchange({ exchange }: { exchange: FollowedExchange }) {
  const { request, status, policy, reason, error, observed = [] } = exchange
  const tone = status >= 500 || status === 0 ? 'bad' : status >= 400 ? 'warn' : 'good'
  const facts: [string, string | undefined][] = [
    ['Client', exchange.client],
    ['Listener', `${exchange.listener}${request ? `, ${request.protocol}` : ''}`],
    ['Route', exchange.route && `${exchange.route}, ${exchange.rule}`],
    ['Upstream', exchange.upstream],
    ['Refused by', policy],
    ['Why', [error, reason].filter(Boolean).join(': ') || undefined],
    ['Would refuse', observed.map((each) => `${each.policy}: ${each.reason}`).join('; ') || undefined],
    ['Bodies', `${showBytes(exchange.received)} in, ${showBytes(exchange.sent)} out`],
    ['Request id', exchange.requestId],
  ]
  return (
    <li>
      <details>
        <summary>
          <span className={`chip ${tone}`}>{status || 'gone'}</span>
          <span className="method">{request?.upgrade ? 'WS' : (request?.method ?? '?')}</span>
          <span className="address">
            <Address text={request ? `${request.host}${request.path}` : 'no request'} />
            {observed.length > 0 && <span className="chip warn">observed</span>}
          </span>
          <span className="soft route">{exchange.route ?? 'no route'}</span>
          <span className="soft client">{exchange.client}</span>
          <span className="duration">{showDuration(exchange.duration)}</span>
          <time className="soft" dateTime={new Date(exchange.at).toISOString()}>
            {showTime(exchange.at)}
          </time>
        </summary>
        <dl className="facts">
          {facts.map(
            ([name, value]) =>
              value !== undefined && (
                <div key={name}>
                  <dt>{name}</dt>
                  <dd>{value}</dd>
                </div>
              ),
          )}
        </dl>
      </details>
    </li>
  )
}
