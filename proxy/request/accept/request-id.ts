import { randomUUID } from 'node:crypto'

/**
 * The id of an exchange: in `X-Request-Id` both ways, in the log, on error pages. One that a trusted proxy in
 * front gave is kept, so that a request has one id on its whole way; anybody else's would let a client choose
 * what the log says.
 */
export function requestId(fromTrustedProxy: string | undefined): string {
  if (fromTrustedProxy !== undefined && /^[A-Za-z0-9._-]{8,64}$/.test(fromTrustedProxy)) return fromTrustedProxy
  return randomUUID()
}
