import { GatehouseError } from '../../errors.ts'
import type { Sticky } from '../../upstreams/sticky.ts'
import { markAway, markFailed, markWell, type Target } from '../../upstreams/target.ts'
import type { Exchange } from '../exchange.ts'
import type { Facts } from '../facts.ts'
import type { Destination, Route } from '../match/route.ts'
import { refuse } from '../respond/respond.ts'
import type { Relay } from './attempt.ts'
import type { Failure } from './failure.ts'
import { send } from './proxy-engine.ts'
import { framingOf, relayedBody } from './request-body.ts'

/** Sends the exchange to a target of its upstream, and to another where that repeats nothing. */
export function relay(exchange: Exchange, route: Route, facts: Facts, retried: Relay['retried']): void {
  const destination = route.destination as Extract<Destination, { kind: 'upstream' }>
  const key = destination.keyParam === undefined ? undefined : facts.params[destination.keyParam]
  const framing = exchange.upgrade === undefined ? framingOf(exchange) : 'none'
  // Middleware that parses bodies leaves nothing to relay, and the upstream would wait for it for ever.
  if (framing !== 'none' && exchange.request.readableDidRead)
    throw new GatehouseError('internal', 'middleware read the body of the request before it could be relayed')
  const body = framing === 'none' ? undefined : relayedBody(exchange, route, framing)
  const { upstream } = destination
  attempt({ exchange, route, facts, upstream, key, framing, body, invited: false, tried: [], retried })
}

/** The most targets that one exchange is offered to. Who refuses at once costs little, and many may have gone together. */
const mostAttempts = 3
const mostRefusals = 8

function attempt(relay: Relay): void {
  const { exchange, upstream } = relay
  let target = upstream.pick(relay.key, relay.tried, relay.facts)
  let full = false
  // Tunnels have connections beside the pool, and a bound of their own (limits.tunnels).
  while (target !== undefined && exchange.upgrade === undefined && target.pool.full) {
    full = true
    relay.tried.push(target)
    target = upstream.pick(relay.key, relay.tried, relay.facts)
  }
  if (target === undefined && full)
    return refuse(exchange, 'upstream_full', { reason: 'all connections are busy, and the line is full' })
  if (target === undefined)
    return refuse(exchange, 'upstream_away', {
      reason: relay.key === undefined ? 'no target' : `no target for ${relay.key}`,
    })
  relay.tried.push(target)
  relay.stick = upstream.sticky && stick(relay, upstream.sticky, target)
  if (exchange.attempts === 0) upstream.retries.earn()
  exchange.attempts++
  exchange.upstreamTarget = target
  exchange.trace?.beginAttempt(target.address.text)
  target.inFlight++
  send(relay, target, {
    answered: () => markWell(target),
    ended: () => {
      target.inFlight--
    },
    failed: (failure) => failed(relay, target, failure),
  })
}

/** The cookie for a client that has none, or one of a target that could not be had. */
function stick({ exchange, facts }: Relay, sticky: Sticky, target: Target): string | undefined {
  if (sticky.targetOf(facts.headers.all('cookie')) === target) return undefined
  return sticky.cookieFor(target, exchange.secure)
}

/**
 * Another attempt is made only where nothing was sent, or where the request is safe to repeat (RFC 9110
 * §9.2.2) and has no body that is already used up.
 */
function failed(relay: Relay, target: Target, failure: Failure): void {
  const { exchange, upstream } = relay
  exchange.detail = failure.detail
  exchange.trace?.failAttempt(failure.code)
  // A client that has gone is no fault of the target.
  if (exchange.finished || exchange.response.destroyed) return
  if (failure.code === 'bad_request' || failure.code === 'upstream_full') target.lastError = failure.detail
  else if (failure.nothingSent) markAway(target, failure.detail)
  else markFailed(target, failure.detail)
  if (mayRepeat(relay, failure)) {
    relay.retried(upstream.name)
    return attempt(relay)
  }
  refuse(exchange, failure.code, { reason: failure.detail })
}

function mayRepeat(relay: Relay, failure: Failure): boolean {
  const { exchange, body, tried } = relay
  if (exchange.response.headersSent || failure.code === 'bad_request') return false
  if (exchange.attempts >= (failure.code === 'upstream_refused' ? mostRefusals : mostAttempts)) return false
  if (body !== undefined && (body.destroyed || body.readableDidRead)) return false
  const safe = exchange.method === 'GET' || exchange.method === 'HEAD' || exchange.method === 'OPTIONS'
  if (!failure.nothingSent && !(safe && failure.code === 'upstream_broken')) return false
  if (!failure.nothingSent && !relay.upstream.retries.spend()) return false
  if (relay.upstream.targets(relay.key).some((target) => !tried.includes(target))) return true
  // A lone target is asked once more if it hung up: it may have closed a kept-alive connection as we wrote.
  if (failure.nothingSent || exchange.attempts > 1) return false
  tried.length = 0
  return true
}
