import type { Network } from '../address.ts'
import type { TracingConfig } from '../config/tracing-schema.ts'
import { GatehouseError } from '../errors.ts'
import { redactUrl } from '../observability/redaction.ts'
import { type Admission, explainOverload, retryAfterOverload } from './accept/admission.ts'
import { beginTrace } from './accept/begin-trace.ts'
import { readClient, readFacts } from './accept/facts.ts'
import type { Incoming } from './accept/incoming.ts'
import { requestIdOf } from './accept/request-id.ts'
import { Exchange } from './exchange.ts'
import type { Facts } from './facts.ts'
import type { Destination, Route } from './match/route.ts'
import type { RouteTable } from './match/route-table.ts'
import { askPolicies, type Decision } from './policies/ask.ts'
import type { HeaderEntry } from './policies/policy.ts'
import { relay } from './relay/relay.ts'
import { fieldsOf } from './respond/complete-head.ts'
import { type Refusal, refuse, refuseError, respond } from './respond/respond.ts'
import { serveFile } from './respond/serve-file.ts'
import { findOwnProof, judgeUnmatched, type ListenerRules, type Unmatched } from './unmatched.ts'

/** What the pipeline reads besides the exchange. Swapped as a whole by a reload. */
export interface PipelineState extends ListenerRules {
  readonly table: RouteTable
  /** Counts all exchanges of the process, whatever table they began with. */
  readonly admission: Admission
  readonly trustedProxies: readonly Network[]
  /** Undefined: trace context passes through as it came. */
  readonly tracing: Pick<TracingConfig, 'continue' | 'sample'> | undefined
}

/** Told of what happens, for metrics and logs. */
export interface PipelineObserver {
  started(exchange: Exchange): void
  finished(exchange: Exchange): void
  /** The verdict of the route's policies. Not told of routes without any. */
  decided(exchange: Exchange, route: Route, decision: Decision): void
  retried(service: string): void
}

/**
 * The life of an exchange: accept → match → policies → relay → respond. HTTP/1.1, HTTP/2 and upgrades all walk
 * this one function, so there is no second door that a policy could be missing from. Whatever the outcome,
 * the finish is one: `close` of the response.
 */
export async function serve(
  incoming: Incoming,
  state: PipelineState,
  observer: PipelineObserver,
): Promise<void> {
  const exchange = new Exchange(incoming)
  exchange.response.on('close', () => finish(exchange, state, observer))
  observer.started(exchange)
  try {
    // accept
    exchange.id = requestIdOf(incoming, state.trustedProxies)
    if (state.tracing !== undefined)
      exchange.trace = beginTrace(incoming, state.tracing, state.trustedProxies)
    const entered = state.admission.enter(exchange)
    const overload = entered instanceof Promise ? await entered : entered
    if (exchange.finished) return
    if (overload !== undefined)
      return refuse(exchange, 'overloaded', {
        reason: explainOverload(overload),
        retryAfter: retryAfterOverload(),
      })
    const facts = readFacts(incoming, state.trustedProxies)
    exchange.facts = facts
    facts.requestId = exchange.id
    if (exchange.trace !== undefined) facts.traceparent = exchange.trace.traceparent

    // match
    const proof = findOwnProof(facts, state)
    if (proof !== undefined) return await serveChallenge(exchange, proof, facts)
    const found = state.table.match(facts)
    if (found.found === 'ambiguous') throw new GatehouseError('path_ambiguous')
    if (found.found === 'nothing') return await answerUnmatched(exchange, facts, state)
    const { route } = found
    facts.params = found.params
    exchange.matched = route
    exchange.prefix = found.prefix

    // policies
    const asked = askPolicies(route.policies, facts)
    const decision = asked instanceof Promise ? await asked : asked
    observer.decided(exchange, route, decision)
    if (!passes(exchange, decision)) return

    // relay, and respond
    if (route.middleware !== undefined) {
      // What it decides about a path is about the one that is sent on.
      exchange.request.url = facts.path + facts.query
      if ((await route.middleware(exchange)) === 'answered') return
    }
    if (exchange.finished) return
    switch (route.destination.kind) {
      case 'upstream':
        return relay(exchange, route, facts, observer.retried)
      case 'files':
        return await serveFile(exchange, [route.destination], facts)
      case 'redirect':
        return redirect(exchange, route.destination, facts)
      case 'closed':
        return refuse(exchange, 'extension_broken', { reason: route.destination.reason })
    }
  } catch (error) {
    refuseError(exchange, error)
  }
}

/** What no route serves: an ACME challenge, a redirect of the whole listener, or a 404 that the log explains. */
async function answerUnmatched(exchange: Exchange, facts: Facts, rules: ListenerRules): Promise<void> {
  const unmatched = judgeUnmatched(facts, rules)
  switch (unmatched.kind) {
    case 'challenge':
      return serveChallenge(exchange, unmatched, facts)
    case 'redirect':
      return respond(exchange, unmatched.head)
    case 'nothing':
      refuse(exchange, 'no_route', {
        // A path may hold a session: `/x;jsessionid=…`.
        reason: `no route for ${facts.host}${redactUrl(facts.path)} on ${facts.listener}`,
      })
  }
}

function serveChallenge(
  exchange: Exchange,
  { folders, prefix }: Extract<Unmatched, { kind: 'challenge' }>,
  facts: Facts,
): Promise<void> {
  exchange.prefix = prefix
  return serveFile(exchange, folders, facts)
}

function redirect(
  exchange: Exchange,
  { status, locate }: Extract<Destination, { kind: 'redirect' }>,
  facts: Facts,
): void {
  respond(exchange, { status, headers: { location: locate(facts) } })
}

/** Writes down what the policies decided. Answers whether the exchange goes on. */
function passes(exchange: Exchange, decision: Decision): boolean {
  exchange.observed = decision.observed
  exchange.addedHeaders = decision.responseHeaders
  switch (decision.outcome) {
    case 'pass':
      exchange.upstreamHeaders = decision.requestHeaders
      exchange.user = decision.user
      return true
    case 'answer':
      respond(exchange, { status: decision.status, headers: fieldsOf(decision.headers) }, decision.body)
      return false
    case 'deny':
      refuse(exchange, decision.code, refusalBy(decision))
      return false
  }
}

/** What a policy that refused has to say on the page, and in the log. */
export function refusalBy({
  policy,
  reason,
  message,
  responseHeaders,
}: Extract<Decision, { outcome: 'deny' }>): Refusal {
  return { policy, reason, message, retryAfter: retryAfterIn(responseHeaders) }
}

/** Seconds, as the refusal itself says: the page and its field must not name two times. */
function retryAfterIn(headers: readonly HeaderEntry[]): number | undefined {
  const said = headers.findLast(([name]) => name.toLowerCase() === 'retry-after')?.[1]
  return said !== undefined && /^\d+$/.test(said) ? Number(said) : undefined
}

/** The one finish: of a response, a refusal, an abort, and a tunnel. */
function finish(exchange: Exchange, state: PipelineState, observer: PipelineObserver): void {
  if (exchange.finished) return
  exchange.finished = true
  exchange.duration = performance.now() - exchange.started
  exchange.aborted = exchange.kind !== 'websocket' && wasCut(exchange)
  if (exchange.aborted) exchange.underway?.abort(new Error('the client has gone'))
  state.admission.leave(exchange)
  if (exchange.facts === undefined) exchange.client = readClient(exchange, state.trustedProxies)
  observer.finished(exchange)
}

/** Whether the response ended before it was whole. HTTP/2 calls a cancelled one finished, so its stream is asked. */
function wasCut({ request, response }: Exchange): boolean {
  if ('stream' in request) return request.aborted || request.stream.rstCode !== 0 || !response.writableEnded
  return !response.writableFinished
}
