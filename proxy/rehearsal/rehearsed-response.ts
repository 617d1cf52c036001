import { type UpstreamState, upstreamStates } from '../config/route-tests.ts'
import { type ErrorCode, GatehouseError } from '../errors.ts'
import { refusalBy } from '../request/pipeline.ts'
import type { ResponseHead, ResponseHeaders } from '../request/policies/policy.ts'
import type { Rehearsal } from '../request/rehearsal.ts'
import { switchingFields } from '../request/relay/relay-tunnel.ts'
import { completeHead, declareLength, fieldsOf, isBodiless } from '../request/respond/complete-head.ts'
import { errorPage, type Refusal } from '../request/respond/respond.ts'
import { methodsOfFiles } from '../request/respond/serve-file.ts'

/** The response as far as it is ours to say: what an upstream or a file adds is not known beforehand. */
export interface RehearsedResponse {
  /** Undefined where an upstream or a file decides. */
  readonly status: number | undefined
  /** By lower-case name, with the fields of the route over those of what answers. What Node adds is not among them. */
  readonly headers: ResponseHeaders
  /** Before a coding. Undefined where an upstream or a file decides. */
  readonly body: string | undefined
}

/**
 * The response that the running proxy would send, made by the functions that make it there. A policy that breaks on it
 * makes it an error page here, too. `upstream`: in which state it is found, if the request comes so far. Throws one
 * sentence where the request could not find it so.
 */
export function rehearsedResponse(rehearsal: Rehearsal, upstream?: UpstreamState): RehearsedResponse {
  try {
    return completed(rehearsal, upstream)
  } catch (error) {
    if (error instanceof ImpossibleState) throw error
    return refused(rehearsal, error instanceof GatehouseError ? error.code : 'internal')
  }
}

// --- internal ---

class ImpossibleState extends Error {}

function completed(rehearsal: Rehearsal, upstream: UpstreamState | undefined): RehearsedResponse {
  const { exchange, facts, unreadable, ambiguous, unmatched, route, decision } = rehearsal
  if (unreadable !== undefined) return refused(rehearsal, unreadable.code)
  if (ambiguous) return refused(rehearsal, 'path_ambiguous')
  if (unmatched?.kind === 'nothing') return refused(rehearsal, 'no_route')
  if (unmatched?.kind === 'redirect') return finished(rehearsal, ours(unmatched.head))
  if (facts === undefined || route === undefined || decision === undefined) return passed(rehearsal)
  if (decision.outcome === 'deny') return refused(rehearsal, decision.code, refusalBy(decision))
  if (decision.outcome === 'answer') {
    const { status, headers, body = '' } = decision
    return finished(
      rehearsal,
      ours({ status, headers: fieldsOf(headers) }, Buffer.byteLength(body)),
      String(body),
    )
  }
  const { destination } = route
  if (destination.kind === 'closed') return refused(rehearsal, 'extension_broken')
  if (destination.kind === 'redirect')
    return finished(
      rehearsal,
      ours({ status: destination.status, headers: { location: destination.locate(facts) } }),
    )
  if (upstream !== undefined && destination.kind === 'upstream') {
    if (facts.upgrade && upstream === 'busy')
      throw new ImpossibleState('a tunnel has a connection of its own, so its upstream is never busy')
    return refused(rehearsal, upstreamStates[upstream])
  }
  if (facts.upgrade && destination.kind === 'upstream') {
    const headers = switchingFields({ exchange, route, facts }, Object.create(null))
    return {
      status: undefined,
      headers: { ...headers, connection: 'Upgrade', upgrade: 'websocket' },
      body: undefined,
    }
  }
  if (destination.kind === 'files' && facts.method !== 'GET' && facts.method !== 'HEAD')
    return refused(rehearsal, 'method_not_allowed', { responseHeaders: methodsOfFiles })
  return passed(rehearsal)
}

/** Of an upstream or a file nothing is known, but most answer with success. */
function passed(rehearsal: Rehearsal): RehearsedResponse {
  const { headers } = finished(rehearsal, { status: 200, headers: Object.create(null) })
  return { status: undefined, headers, body: undefined }
}

function ours(head: ResponseHead, length = 0): ResponseHead {
  const own = { status: head.status, headers: { ...head.headers } }
  declareLength(own, length)
  return own
}

function refused(
  { exchange, ...rehearsal }: Rehearsal,
  code: ErrorCode,
  refusal: Refusal = {},
): RehearsedResponse {
  exchange.errorCode = code
  const { head, body } = errorPage(exchange, code, refusal)
  return finished({ exchange, ...rehearsal }, head, body.toString())
}

function finished({ exchange }: Rehearsal, head: ResponseHead, body = ''): RehearsedResponse {
  completeHead(exchange, head)?.destroy()
  return { ...head, body: isBodiless(exchange.method, head.status) ? '' : body }
}
