import { GatehouseError } from '../errors.ts'
import { readFacts } from './accept/facts.ts'
import type { Incoming } from './accept/incoming.ts'
import { Exchange } from './exchange.ts'
import type { Facts } from './facts.ts'
import { type NearMiss, nearMisses } from './match/near-misses.ts'
import type { Route } from './match/route.ts'
import type { PipelineState } from './pipeline.ts'
import { askPolicies, type Decision, type TraceEntry } from './policies/ask.ts'
import { handshakeFields } from './relay/relay-tunnel.ts'
import { requestHeadersFor } from './relay/request-headers.ts'
import { upstreamHost, upstreamPath } from './relay/rewrite.ts'
import { findOwnProof, judgeUnmatched, type Unmatched } from './unmatched.ts'

/** What would become of a request, without a client, an upstream, or a limit that is used up. */
export interface Rehearsal {
  /** What was walked through the stages, as far as it came. */
  readonly exchange: Exchange
  /** Why the request cannot even be read; then there is nothing else. */
  readonly unreadable?: GatehouseError
  readonly facts?: Facts
  readonly route?: Route
  readonly ambiguous?: boolean
  /** What its listener does with it, where no route serves it. */
  readonly unmatched?: Unmatched
  readonly nearMisses: readonly NearMiss[]
  readonly trace: readonly TraceEntry[]
  readonly decision?: Decision
  /** What an upstream would receive. */
  readonly sent?: { readonly method: string; readonly path: string; readonly headers: readonly string[] }
}

/**
 * Walks a request through accept, match and policies by the very functions that the running proxy calls, and
 * stops before the relay. `explain` prints it.
 */
export async function rehearse(incoming: Incoming, state: PipelineState): Promise<Rehearsal> {
  const exchange = new Exchange(incoming)
  exchange.id = placeholder
  try {
    return await rehearseReadable(exchange, incoming, state)
  } catch (error) {
    if (error instanceof GatehouseError) return { exchange, unreadable: error, nearMisses: [], trace: [] }
    throw error
  }
}

/** As long as the id of an exchange, which is part of the length of an error page. */
const placeholder = 'set-for-each-exchange-and-not-before'

async function rehearseReadable(
  exchange: Exchange,
  incoming: Incoming,
  state: PipelineState,
): Promise<Rehearsal> {
  const facts: Facts = { ...readFacts(incoming, state.trustedProxies), rehearsal: true }
  exchange.facts = facts
  const proof = findOwnProof(facts, state)
  if (proof !== undefined) return { exchange, facts, unmatched: proof, nearMisses: [], trace: [] }
  const found = state.table.match(facts)
  const route = found.found === 'route' ? found.route : undefined
  const misses = nearMisses(state.table.routes, facts, route)
  if (found.found === 'ambiguous') return { exchange, facts, ambiguous: true, nearMisses: misses, trace: [] }
  if (found.found === 'nothing')
    return { exchange, facts, unmatched: judgeUnmatched(facts, state), nearMisses: misses, trace: [] }
  facts.params = found.params
  exchange.matched = found.route
  const trace: TraceEntry[] = []
  const decision = await askPolicies(found.route.policies, facts, trace)
  exchange.prefix = found.prefix
  exchange.addedHeaders = decision.responseHeaders
  if (decision.outcome === 'pass') {
    exchange.upstreamHeaders = decision.requestHeaders
    exchange.user = decision.user
  }
  const sent = sentTo(exchange, found.route, facts)
  return { exchange, facts, route, nearMisses: misses, trace, decision, sent }
}

function sentTo(exchange: Exchange, route: Route, facts: Facts): Rehearsal['sent'] {
  if (route.destination.kind !== 'upstream') return undefined
  const { upstream, keyParam } = route.destination
  const target = upstream.targets(keyParam === undefined ? undefined : facts.params[keyParam])[0]
  const host = upstreamHost(route, facts, target?.address.authority ?? '(the target)')
  const headers = requestHeadersFor(exchange, route, facts, host)
  return {
    method: facts.method,
    path: upstreamPath(route, facts, exchange.prefix),
    headers: facts.upgrade ? handshakeFields(headers) : headers,
  }
}
