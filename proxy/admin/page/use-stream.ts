import { useEffect, useState } from 'react'
import type { ExchangeFilter } from '../../observability/exchange-filter.ts'
import type { FollowedExchange } from '../../observability/followed-exchanges.ts'
import type { Figures, Point } from '../dashboard/meter.ts'
import type { Overview } from '../dashboard/overview.ts'
import { ask } from './ask.ts'

/** All that the page shows, as the one stream told it. */
export interface Live {
  readonly connection: 'joining' | 'live' | 'lost'
  readonly overview?: Overview
  readonly figures?: Figures
  /** The last two minutes, a point a second. */
  readonly seconds: readonly Point[]
  /** The last half hour, a point for each ten seconds. */
  readonly history: readonly Point[]
  /** Rates of each route in the last two minutes. */
  readonly routeRates: ReadonlyMap<string, readonly number[]>
  /** The newest first. */
  readonly exchanges: readonly FollowedExchange[]
  readonly missed: number
}

const nothing: Live = {
  connection: 'joining',
  seconds: [],
  history: [],
  routeRates: new Map(),
  exchanges: [],
  missed: 0,
}
const mostSeconds = 120
const mostPoints = 180
const mostExchanges = 200
/** Milliseconds without a word after which a stream counts as lost, and after which a page that nobody sees lets it go. */
const silence = 6_000
const unseen = 60_000

type Timer = ReturnType<typeof setTimeout> | undefined

/** Follows the stream, and makes it again when it is lost. `filter`: undefined follows no exchanges. */
export function useStream(filter: ExchangeFilter | undefined, onSignedOut: () => void): Live {
  const [live, setLive] = useState<Live>(nothing)
  const query = queryOf(filter)

  // biome-ignore lint/correctness/useExhaustiveDependencies: another filter begins another list
  useEffect(() => setLive((before) => ({ ...before, exchanges: [], missed: 0 })), [query])

  useEffect(() => {
    let source: EventSource | undefined
    let retry: Timer
    let quiet: Timer
    let asleep: Timer

    const lose = (): void => setLive((before) => ({ ...before, connection: 'lost' }))
    const again = (): void => {
      source?.close()
      clearTimeout(retry)
      retry = setTimeout(open, 1500)
    }
    const heard = (): void => {
      clearTimeout(quiet)
      quiet = setTimeout(() => {
        lose()
        again()
      }, silence)
    }
    const on = <Data>(name: string, take: (before: Live, data: Data) => Live): void =>
      source?.addEventListener(name, ({ data }) => {
        heard()
        const told = JSON.parse(data) as Data
        setLive((before) => take({ ...before, connection: 'live' }, told))
      })
    const fail = (): void => {
      lose()
      again()
      // Gatehouse may be away for a moment; only its own word ends the session.
      ask<{ user: string | null }>('GET', 'session').then(
        ({ user }) => user === null && onSignedOut(),
        () => {},
      )
    }
    function open(): void {
      source?.close()
      source = new EventSource(`api/stream?${query}`)
      source.onerror = fail
      on<{ points: Point[] }>('history', (before, { points }) => ({ ...before, history: points }))
      on<Overview>('overview', (before, overview) => ({ ...before, overview }))
      on<Figures>('figures', withFigures)
      on<Pick<Live, 'exchanges' | 'missed'>>('exchanges', (before, { exchanges, missed }) => ({
        ...before,
        exchanges: [...exchanges.toReversed(), ...before.exchanges].slice(0, mostExchanges),
        missed: before.missed + missed,
      }))
    }
    const seen = (): void => {
      clearTimeout(asleep)
      if (document.hidden)
        asleep = setTimeout(() => {
          clearTimeout(quiet)
          clearTimeout(retry)
          source?.close()
        }, unseen)
      else if (source?.readyState === EventSource.CLOSED) open()
    }
    document.addEventListener('visibilitychange', seen)
    open()
    return () => {
      document.removeEventListener('visibilitychange', seen)
      for (const timer of [retry, quiet, asleep]) clearTimeout(timer)
      source?.close()
    }
  }, [query, onSignedOut])

  return live
}

// --- internal ---

function queryOf(filter: ExchangeFilter | undefined): string {
  if (filter === undefined) return ''
  const given = Object.entries(filter).filter((entry): entry is [string, string] => Boolean(entry[1]))
  return new URLSearchParams([['follow', '1'], ...given]).toString()
}

function withFigures(before: Live, figures: Figures): Live {
  if (figures.span === 0) return { ...before, figures }
  const point = { at: figures.at, ...figures.total }
  const last = before.history.at(-1)
  const isDue = last === undefined || figures.at - last.at >= 10_000
  const rates = figures.routes.map(({ route, perSecond }): [string, number[]] => [
    route,
    [...(before.routeRates.get(route) ?? []), perSecond].slice(-mostSeconds),
  ])
  return {
    ...before,
    figures,
    seconds: [...before.seconds, point].slice(-mostSeconds),
    history: isDue ? [...before.history, point].slice(-mostPoints) : before.history,
    routeRates: new Map(rates),
  }
}
