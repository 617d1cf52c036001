import { hash } from 'node:crypto'
import { recordHeartbeat } from '../observability/metrics.ts'
import type { Lease } from '../upstreams/leases/leases.ts'
import { nameOf } from '../upstreams/leases/place.ts'
import type { Register } from '../upstreams/leases/register.ts'
import { type AdminReply, problem } from './reply.ts'

/** What one call may renew. */
const mostAtOnce = 5_000

const revisions = new WeakMap<Lease, string>()

/**
 * What a lease says, in twelve characters: the same after a restart and on every proxy. It tells a heartbeat that
 * names a lease from one that means another.
 */
export function revisionOf(lease: Lease): string {
  const known = revisions.get(lease)
  if (known !== undefined) return known
  const { url, ttl, weight, state, metadata } = lease
  const revision = hash('sha256', JSON.stringify([url, ttl, weight, state, metadata]), 'base64url').slice(
    0,
    12,
  )
  revisions.set(lease, revision)
  return revision
}

/**
 * `POST /v1/heartbeats` renews many leases of one upstream by one call, each named as `ID` or `KEY/ID` with the
 * revision that its announcement was answered. Those that are not there, or say something else, are answered as
 * `unknown` and have to be announced.
 */
export function renewMany(
  body: unknown,
  register: Pick<Register, 'get' | 'renew'>,
  mayFill: (upstream: string) => boolean,
): AdminReply {
  const { upstream, leases } = (body ?? {}) as { upstream?: unknown; leases?: unknown }
  const isRead = typeof upstream === 'string' && typeof leases === 'object' && leases !== null
  if (!isRead) return problem(400, 'bad_request', 'Send {"upstream":"NAME","leases":{"KEY/ID":"REVISION"}}.')
  if (!mayFill(upstream))
    return problem(403, 'claim_denied', `This token is not for the upstream ${upstream}.`)
  const entries = Object.entries(leases)
  if (entries.length > mostAtOnce)
    return problem(413, 'body_too_large', `More than ${mostAtOnce} leases; send them in several calls.`)
  const unknown: string[] = []
  for (const [place, revision] of entries) {
    const slash = place.indexOf('/')
    const key = slash === -1 ? undefined : place.slice(0, slash)
    const name = nameOf({ upstream, key, id: place.slice(slash + 1) })
    const lease = register.get(name)
    if (lease === undefined || revisionOf(lease) !== revision) unknown.push(place)
    else register.renew(name)
  }
  const renewed = entries.length - unknown.length
  if (renewed > 0) recordHeartbeat(upstream, 'renewed', renewed)
  const type = 'application/json; charset=utf-8'
  return { status: 200, type, body: `${JSON.stringify({ renewed, unknown })}\n` }
}
