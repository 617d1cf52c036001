import type { RouteSummary } from '../admin/route-summary.ts'
import type { TargetUse } from '../admin/upstream-report.ts'
import type { ConfigProblem } from '../config/loaded.ts'
import type { ExchangeFilter } from '../observability/exchange-filter.ts'
import type { Followed } from '../observability/followed-exchanges.ts'
import type { MetricsJson } from '../observability/metrics.ts'
import type { RecentDecision } from '../observability/recent-decisions.ts'
import type { RouteTotals } from '../observability/route-totals.ts'
import type { AlpnProof } from '../request/accept/alpn-proofs.ts'
import type { TargetNews } from '../upstreams/leases/news.ts'
import type { KeptSettings } from './kept-settings.ts'

/**
 * Everything that the primary and a worker say to each other. All of it is plain data: each side reads the same
 * text of routes.yaml for itself, so that no function ever has to cross from one process to the other.
 */
export type ToWorker =
  | { readonly kind: 'start'; readonly order: StartOrder }
  | QuestionMessage
  | { readonly kind: 'counted'; readonly counts: CountsAnswer }
  /** What has changed about targets. */
  | { readonly kind: 'targets'; readonly news: TargetNews }
  /** New keys of session tickets, base64. */
  | { readonly kind: 'ticketKeys'; readonly keys: string }

export type ToPrimary =
  /** The worker listens to messages. */
  | { readonly kind: 'here' }
  /** It serves, on these ports by listener. */
  | { readonly kind: 'ready'; readonly ports: Ports; readonly closedRoutes: readonly ClosedRoute[] }
  /** It cannot serve, and says why, a sentence a line; it ends by itself. */
  | { readonly kind: 'failed'; readonly sentence: string }
  /** Something went wrong that no client waits for. All workers may say the same; it is logged once. */
  | { readonly kind: 'trouble'; readonly sentence: string }
  /** A target does not accept connections. `name`: as `nameOf` makes it. */
  | { readonly kind: 'refused'; readonly name: string; readonly reason: string }
  /** A client asked for a host that no certificate has, and that may be given one. */
  | { readonly kind: 'wanted'; readonly host: string }
  /** It has missed news of targets, and asks for all of it. */
  | { readonly kind: 'missed' }
  | AnswerMessage
  /** Its event loop turns. `memory`: bytes that the process holds. */
  | { readonly kind: 'beat'; readonly memory: number }
  | { readonly kind: 'count'; readonly asked: CountsQuestion }

/** So often a worker says that it lives. Milliseconds. */
export const beatEvery = 1_000

/** The real ports, by listener. */
export type Ports = Readonly<Record<string, number>>

/** What a worker needs to serve. */
export interface StartOrder {
  /** Path of routes.yaml as the user named it, and the text that all workers serve. */
  readonly file: string
  readonly text: string
  /** What no reload changes: that of the first start. */
  readonly kept: KeptSettings
  /** Session ticket keys, base64: a TLS session that began in one worker goes on in another. */
  readonly ticketKeys: string
  /** All that is known of targets. */
  readonly targets: TargetNews
  /** What an ACME authority may ask for. */
  readonly proofs: readonly AlpnProof[]
  /** Where the admin listener is, as no lease may lead there: `http://127.0.0.1:9901` or `unix:/path`. */
  readonly admin: string
  /** Whether limits are counted by the primary. One worker alone counts for itself. */
  readonly sharedLimits: boolean
}

/** What the primary asks a worker, and what it is answered. */
export interface Questions {
  /** Read and build this text, and keep it ready. Problems: nothing is kept. */
  prepare: { ask: { text: string }; answer: { problems: ConfigProblem[] } }
  /** Serve what was prepared. */
  activate: { ask: Nothing; answer: Activated }
  /** Let go of what was prepared. */
  discard: { ask: Nothing; answer: Nothing }
  /** Show these to an ACME authority, and no others. */
  proofs: { ask: { proofs: readonly AlpnProof[] }; answer: Nothing }
  metrics: { ask: Nothing; answer: MetricsJson }
  routes: { ask: Nothing; answer: readonly RouteSummary[] }
  targets: { ask: Nothing; answer: readonly TargetUse[] }
  /** Open tunnels, by route. */
  tunnels: { ask: Nothing; answer: Readonly<Record<string, number>> }
  /** The last decisions about one client, or about all. */
  decisions: { ask: { client?: string; most: number }; answer: readonly RecentDecision[] }
  /** What it has counted, and what has ended since it was asked last and fits a filter. */
  watch: { ask: { filters: readonly ExchangeFilter[] }; answer: Watched }
  /** Take nothing new, let what is under way end within that time, and then end. */
  stop: { ask: Patience; answer: Nothing }
}
/** What has how long to end, in milliseconds. */
export interface Patience {
  readonly requests: number
  /** Tunnels and event streams: of a worker whose place another has taken. 0: they end at once. */
  readonly tunnels: number
}
export interface Watched {
  readonly routes: readonly RouteTotals[]
  readonly followed: Followed
}
export interface Activated {
  /** How many tunnels ended with their routes. */
  readonly endedTunnels: number
  readonly closedRoutes: readonly ClosedRoute[]
}
export type Nothing = Readonly<Record<string, never>>

/** A route that is closed because a part of it failed to load. */
export interface ClosedRoute {
  readonly route: string
  readonly reason: string
}

export type QuestionMessage = {
  [Kind in keyof Questions]: {
    readonly kind: 'question'
    readonly id: number
    readonly about: Kind
    readonly ask: Questions[Kind]['ask']
  }
}[keyof Questions]

export interface AnswerMessage {
  readonly kind: 'answer'
  readonly id: number
  readonly answer?: unknown
  /** Set instead of an answer where there is none. */
  readonly failure?: string
}

/** Counts of one turn of the event loop, one column each: an object per count would cost as much as the count. */
export interface CountsQuestion {
  readonly id: number
  /** The stores that are asked, as name, window in milliseconds, and limit. */
  readonly stores: readonly (readonly [name: string, windowMs: number, limit: number | undefined])[]
  /** For each count: which store, and the key. */
  readonly store: readonly number[]
  readonly key: readonly string[]
}
export interface CountsAnswer {
  readonly id: number
  /** For each count: the hits, and when the window ends (Unix ms, 0 if unknown). */
  readonly hits: readonly number[]
  readonly resetAt: readonly number[]
}
