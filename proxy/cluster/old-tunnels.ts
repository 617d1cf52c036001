import { isDeepStrictEqual } from 'node:util'
import type { Gatehouse } from '../gatehouse.ts'
import type { Exchange } from '../request/exchange.ts'
import type { Facts } from '../request/facts.ts'
import type { Params } from '../request/match/path-tree.ts'
import type { Route } from '../request/match/route.ts'
import type { MatchedFacts, RouteTable } from '../request/match/route-table.ts'
import { cutShort } from '../request/respond/ending.ts'

/**
 * Ends the tunnels and event streams that would not be opened today. Otherwise an old one would be a way around a new policy
 * for as long as it lives; so would a handshake that waits for its upstream, and becomes a tunnel a moment later. Those of
 * other routes stay, also where the upstream moved. Answers how many tunnels ended.
 */
export function endOldTunnels(gatehouse: Gatehouse): number {
  const { table } = gatehouse.state
  return endLasting(gatehouse, 'its route was changed', ({ facts, matched: route }) =>
    staysOpen({ facts, route, params: facts.params }, table),
  )
}

/**
 * Ends the tunnels and event streams of whoever was put out since: a user who is no longer in the file or has another
 * password, a token that was revoked. Signing out would else leave open what was opened before. The policies that let
 * them in are asked, which may be those of a table before this one.
 */
export function endWithdrawnTunnels(gatehouse: Gatehouse): void {
  endLasting(gatehouse, 'what it was let in by was taken back', ({ facts, matched, started }) =>
    matched.policies.every(
      ({ mode, stillHolds }) => mode === 'observe' || stillHolds?.(facts, started) !== false,
    ),
  )
}

/** So often is looked for whoever was put out. Milliseconds. */
export const withdrawalsEvery = 1_000

type Matched = Exchange & { readonly facts: Facts; readonly matched: Route }

/** Ends those that last, or may come to last, and that do not stay. Answers how many of them were tunnels. */
function endLasting(gatehouse: Gatehouse, reason: string, stays: (exchange: Matched) => boolean): number {
  let ended = 0
  for (const exchange of gatehouse.inFlight) {
    const { upgrade } = exchange
    if (upgrade === undefined && exchange.kind !== 'sse') continue
    if (!isMatched(exchange) || stays(exchange)) continue
    exchange.denyReason = reason
    if (isTunnel(exchange)) ended++
    // Who follows an event stream asks for it again by itself.
    if (upgrade === undefined) cutShort(exchange)
    else upgrade.socket.destroy()
  }
  return ended
}

function isMatched(exchange: Exchange): exchange is Matched {
  return exchange.facts !== undefined && exchange.matched !== undefined
}

/** A tunnel as it was let in, or as one could have been. */
export interface OpenTunnel {
  readonly facts: MatchedFacts
  readonly route: Route
  readonly params: Params
}

/**
 * Whether the same handshake would come to the same route today, and be let in by the same policies. A route that takes
 * some of another's paths, or of its hosts, has policies of its own, and so ends the tunnels on them.
 */
export function staysOpen({ facts, route: before, params }: OpenTunnel, table: RouteTable): boolean {
  const found = table.match(facts)
  if (found.found !== 'route' || found.route.name !== before.name) return false
  const now = found.route
  if (now === before) return true
  if (now.destination.kind !== 'upstream') return false
  // A policy may ask for the value of a parameter, and the path may have named another part of itself so.
  return isDeepStrictEqual(found.params, params) && isDeepStrictEqual(admissionOf(now), admissionOf(before))
}

/** How many tunnels are open, by route. */
export function openTunnels(gatehouse: Gatehouse): Record<string, number> {
  const open: Record<string, number> = {}
  for (const exchange of gatehouse.inFlight)
    if (isTunnel(exchange) && exchange.route !== undefined)
      open[exchange.route] = (open[exchange.route] ?? 0) + 1
  return open
}

function isTunnel(exchange: Exchange): boolean {
  return exchange.kind === 'websocket' && exchange.upgrade !== undefined
}

/** What decides who may open a tunnel. What is written into responses came with the tunnel's head, and is over. */
function admissionOf({ config }: Route): unknown {
  const { headers, securityHeaders: _, cache: __, compress: ___, ...admission } = config.policies
  const { request } = headers ?? {}
  const isEdited = Object.values(request ?? {}).some((edits) => Object.keys(edits).length > 0)
  return { ...admission, requestHeaders: isEdited ? request : undefined, middleware: config.middleware }
}
