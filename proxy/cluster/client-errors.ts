import { recordClientError } from '../observability/metrics.ts'

/** Milliseconds between two sentences about crowds. A flood is told of, and does not become one of the log. */
const tellEvery = 60_000

/**
 * What clients do wrong is counted and no more: the internet knocks all day. One thing is told of, because the
 * operator may be the one to mend it: a load balancer that nobody named looks like one client with too many
 * connections, and all who come through it would be cut.
 */
export function createClientErrors(
  tell: (sentence: string) => void,
): (listener: string, code: string, peer: string) => void {
  let toldAt = Number.NEGATIVE_INFINITY
  return (listener, code, peer) => {
    recordClientError(listener, code)
    if (code !== 'TOO_MANY_CONNECTIONS' || performance.now() - toldAt < tellEvery) return
    toldAt = performance.now()
    tell(
      `listener ${listener}: ${peer} has as many connections as limits.connectionsPerClient allows, and more are cut; if it is a proxy of yours, name it in trustedProxies`,
    )
  }
}
