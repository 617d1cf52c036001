import { inNetworks, type Network } from '../../address.ts'
import type { TracingConfig } from '../../config/tracing-schema.ts'
import { Trace } from '../../observability/tracing/trace.ts'
import { readTraceContext } from '../../observability/tracing/trace-context.ts'
import type { Incoming } from './incoming.ts'

/**
 * The trace that an exchange is a part of. From a trusted proxy it is taken up whole, as the request id is. Anybody else
 * could hang requests under a trace that is not theirs, or have all of theirs recorded at our cost: a new trace begins,
 * or, if routes.yaml wants theirs, it goes on under their id and is recorded as we choose.
 */
export function beginTrace(
  { request, peer }: Incoming,
  rules: Pick<TracingConfig, 'continue' | 'sample'>,
  trustedProxies: readonly Network[],
): Trace {
  const trusted = inNetworks(peer, trustedProxies)
  const takenUp = rules.continue === 'everybody' || (trusted && rules.continue === 'trustedProxies')
  const given = takenUp ? readTraceContext(request.rawHeaders) : undefined
  const sampled = given !== undefined && trusted ? given.sampled : Math.random() < rules.sample
  return new Trace(given, sampled)
}
