import { isDeepStrictEqual } from 'node:util'
import type { Gatehouse } from '../gatehouse.ts'
import type { Exchange } from '../request/exchange.ts'
import type { Route } from '../request/match/route.ts'

/**
 * Ends the tunnels that would not be opened today: their route is gone or closed, or who may pass it is another
 * question. Otherwise an old tunnel would be a way around a new policy for as long as it lives. The tunnels of other
 * routes stay, also where the upstream moved. Answers how many ended.
 */
export function endOldTunnels(gatehouse: Gatehouse): number {
  const routes = routesByName(gatehouse)
  let ended = 0
  for (const exchange of gatehouse.inFlight) {
    if (!isTunnel(exchange) || exchange.matched === undefined) continue
    if (keepsTunnels(exchange.matched, routes.get(exchange.matched.name))) continue
    exchange.denyReason = 'its route was changed'
    exchange.upgrade?.socket.destroy()
    ended++
  }
  return ended
}

export function routesByName({ state }: Gatehouse): ReadonlyMap<string, Route> {
  return new Map(state.table.routes.map((route) => [route.name, route]))
}

/** Whether tunnels of a route stay open when it becomes another one, which is undefined where it is gone. */
export function keepsTunnels(before: Route, now: Route | undefined): boolean {
  if (now === undefined || now.destination.kind === 'closed') return false
  return now === before || isDeepStrictEqual(admissionOf(now), admissionOf(before))
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
  return { ...admission, requestHeaders: isEdited ? request : undefined }
}
