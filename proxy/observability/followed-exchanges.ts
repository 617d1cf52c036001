import { type ExchangeFilter, type ExchangeTest, testOf } from './exchange-filter.ts'
import type { ExchangeRecord } from './exchange-record.ts'
import { decisionOf, type RecentDecision } from './recent-decisions.ts'

/** An exchange as somebody sees it who follows: no header, no query, no credential. */
export interface FollowedExchange extends RecentDecision {
  /** Milliseconds from the request head to the end. */
  readonly duration: number
  /** Bytes of the bodies. */
  readonly received: number
  readonly sent: number
}

/** What has ended since the last time that somebody asked. */
export interface Followed {
  readonly exchanges: readonly FollowedExchange[]
  /** By filter: how many fitted and were too many to be kept. */
  readonly missed: readonly number[]
}

/** The exchanges of one process, for those who follow. Where nobody does, noting one is a comparison. */
export interface FollowedExchanges {
  note(record: ExchangeRecord): void
  /** What fitted the filters of the last call. Who stops asking stops costing anything. */
  take(filters: readonly ExchangeFilter[]): Followed
}

/** Of each filter, between two calls: nobody reads faster, and one second of a flood must not fill the memory. */
const mostKept = 100
/** Milliseconds without a call after which nobody is taken to follow. */
const patience = 5_000

export function createFollowedExchanges(): FollowedExchanges {
  let tests: Counted[] = []
  let asked = '[]'
  let takenAt = 0
  let kept: FollowedExchange[] = []

  function stop(): void {
    tests = []
    kept = []
    asked = '[]'
  }

  return {
    note(record) {
      if (tests.length === 0) return
      if (performance.now() - takenAt > patience) return stop()
      let wanted = false
      for (const each of tests) {
        if (!each.fits(record)) continue
        if (each.kept++ < mostKept) wanted = true
      }
      if (wanted) kept.push(followedFrom(record))
    },
    take(filters) {
      const missed = tests.map((each) => Math.max(0, each.kept - mostKept))
      const now = JSON.stringify(filters)
      const answer = { exchanges: kept, missed: now === asked ? missed : filters.map(() => 0) }
      if (now === asked) for (const each of tests) each.kept = 0
      else tests = filters.map((filter) => ({ fits: testOf(filter), kept: 0 }))
      asked = now
      kept = []
      takenAt = performance.now()
      return answer
    },
  }
}

interface Counted {
  readonly fits: ExchangeTest
  kept: number
}

function followedFrom(record: ExchangeRecord): FollowedExchange {
  return {
    ...decisionOf(record),
    duration: Math.round(record.duration * 10) / 10,
    received: record.bytesReceived,
    sent: record.bytesSent,
  }
}
