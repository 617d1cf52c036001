import { randomUUID } from 'node:crypto'
import { inNetworks, type Network } from '../../address.ts'
import { RawHeaderFields } from '../facts.ts'
import type { Incoming } from './incoming.ts'

/**
 * The id of an exchange: in `X-Request-Id` both ways, in the log, on error pages. One that a trusted proxy in
 * front gave is kept, so that a request has one id on its whole way; anybody else's would let a client choose
 * what the log says.
 */
export function requestIdOf({ request, peer }: Incoming, trustedProxies: readonly Network[]): string {
  if (!inNetworks(peer, trustedProxies)) return randomUUID()
  const given = new RawHeaderFields(request.rawHeaders).get('x-request-id')
  return given !== undefined && /^[A-Za-z0-9._-]{8,64}$/.test(given) ? given : randomUUID()
}
