import { isDeepStrictEqual } from 'node:util'
import type { Gatehouse } from '../gatehouse.ts'
import type { Exchange } from '../request/exchange.ts'
import type { Route } from '../request/match/route.ts'

/**
 * Ends the tunnels that would not be opened today: their route is gone or closed, or its policies are others.
 * Otherwise an old tunnel would be a way around a new policy for as long as it lives. The tunnels of other
 * routes stay, also where the upstream moved. Answers how many ended.
 */
export function endOldTunnels(gatehouse: Gatehouse): number {
  const routes = new Map(gatehouse.state.table.routes.map((route) => [route.name, route]))
  let ended = 0
  for (const exchange of gatehouse.inFlight) {
    if (!isTunnel(exchange) || stillStands(exchange.matched, routes)) continue
    exchange.denyReason = 'its route was changed'
    exchange.upgrade?.socket.destroy()
    ended++
  }
  return ended
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

function stillStands(before: Route | undefined, routes: ReadonlyMap<string, Route>): boolean {
  const now = before && routes.get(before.name)
  if (before === undefined || now === undefined || now.destination.kind === 'closed') return false
  return now === before || isDeepStrictEqual(now.config.policies, before.config.policies)
}
