import type { IncomingMessage, ServerResponse } from 'node:http'
import { readAnnouncement } from '../config/announcement-schema.ts'
import { recordHeartbeat } from '../observability/metrics.ts'
import type { Lease } from '../upstreams/leases/leases.ts'
import { isPlaceWord, nameOf, type Place } from '../upstreams/leases/place.ts'
import type { Refusal, Register } from '../upstreams/leases/register.ts'
import { renewMany, revisionOf } from './heartbeats.ts'
import type { Holder, TokenRefusal } from './registration-token.ts'
import { type AdminReply, problem } from './reply.ts'

export interface RegistrationSettings {
  readonly register: Pick<Register, 'get' | 'announce' | 'renew' | 'leave'>
  judgeToken(authorization: string | undefined): Promise<Holder | TokenRefusal>
  /** Somebody with a good token asked for what it may not. */
  refused(refused: { place: Place; by: string; reason: string }): void
}

/** Answers requests to the places of targets. */
export interface Registration {
  /** Whether the address is that of a target. */
  owns(url: string | undefined): boolean
  answer(request: IncomingMessage, response: ServerResponse): Promise<void>
}

/**
 * `PUT /v1/upstreams/{upstream}/targets/{id}` announces a target and renews it, `DELETE` ends it; of a keyed upstream
 * it is `/v1/upstreams/{upstream}/keys/{key}/targets/{id}`.
 *
 * It stands beside the Express app of the other endpoints, because thousands of services say every few seconds that
 * they live, and the app alone costs more than all else that such a heartbeat needs. One in the same words as the one
 * before is known by its text, and nothing of it is read again.
 */
export function createRegistration({ register, judgeToken, refused }: RegistrationSettings): Registration {
  const said = new WeakMap<Lease, string>()

  async function put(place: Place, text: string, by: string): Promise<AdminReply> {
    const name = nameOf(place)
    const known = register.get(name)
    if (known !== undefined && said.get(known) === text) {
      register.renew(name)
      recordHeartbeat(place.upstream, 'renewed')
      return leaseReply(200, known)
    }
    const body = parseJson(text)
    if (body === undefined) return problem(400, 'bad_request', 'The body is not JSON.')
    const read = readAnnouncement(body)
    if ('faults' in read) return problem(400, 'bad_request', read.faults.join('; '))
    const announced = await register.announce(place, read.announcement, by)
    if (announced.outcome === 'refused') {
      refused({ place, by, reason: announced.detail })
      if (announced.code !== 'upstream_unknown') recordHeartbeat(place.upstream, 'refused')
      return problem(statusOf[announced.code], announced.code, announced.detail)
    }
    said.set(announced.lease, text)
    recordHeartbeat(place.upstream, announced.outcome)
    return leaseReply(announced.outcome === 'registered' ? 201 : 200, announced.lease)
  }

  function remove(place: Place, by: string): AdminReply {
    if (!register.leave(nameOf(place), by))
      return problem(404, 'lease_unknown', 'Nobody is announced at this address.')
    recordHeartbeat(place.upstream, 'left')
    return { status: 204, type: 'application/json; charset=utf-8', body: '' }
  }

  async function decide(request: IncomingMessage): Promise<AdminReply> {
    if (request.url === heartbeatsPath) return decideHeartbeats(request)
    const place = placeOf(request.url ?? '')
    if (place === undefined)
      return problem(
        404,
        'no_route',
        'A target is at /v1/upstreams/UPSTREAM/targets/ID or /v1/upstreams/UPSTREAM/keys/KEY/targets/ID; keys and ids are letters, digits and . _ ~ -, 128 at most.',
      )
    if (request.method !== 'PUT' && request.method !== 'DELETE')
      return problem(405, 'method_not_allowed', 'Targets are announced by PUT and ended by DELETE.')
    const holder = await judgeToken(request.headers.authorization)
    if ('status' in holder) return problem(holder.status, holder.code, holder.detail)
    if (!holder.upstreams.includes(place.upstream)) {
      const reason = `This token is not for the upstream ${place.upstream}.`
      refused({ place, by: holder.id, reason })
      return problem(403, 'claim_denied', reason)
    }
    if (request.method === 'DELETE') return remove(place, holder.id)
    const text = await readText(request)
    return text === undefined
      ? problem(413, 'body_too_large', 'The body has more than 16 KB.')
      : put(place, text, holder.id)
  }

  async function decideHeartbeats(request: IncomingMessage): Promise<AdminReply> {
    if (request.method !== 'POST')
      return problem(405, 'method_not_allowed', 'Heartbeats of many targets are sent by POST.')
    const holder = await judgeToken(request.headers.authorization)
    if ('status' in holder) return problem(holder.status, holder.code, holder.detail)
    const text = await readText(request, mostHeartbeats)
    if (text === undefined) return problem(413, 'body_too_large', 'The body has more than 1 MB.')
    return renewMany(parseJson(text), register, (upstream) => holder.upstreams.includes(upstream))
  }

  return {
    owns: (url) => url?.startsWith('/v1/upstreams/') || url === heartbeatsPath,
    async answer(request, response) {
      const { status, type, body } = await decide(request)
      if (response.destroyed) return
      const headers: Record<string, string> = { 'content-type': type, 'cache-control': 'no-store' }
      if (status !== 204) headers['content-length'] = String(Buffer.byteLength(body))
      if (status === 401) headers['www-authenticate'] = 'Bearer'
      if (status === 405) headers.allow = request.url === heartbeatsPath ? 'POST' : 'PUT, DELETE'
      // Of a body that nobody read, the rest would be taken for another request.
      if (!request.complete && status >= 400) headers.connection = 'close'
      response.writeHead(status, headers)
      response.end(body)
    },
  }
}

// --- internal ---

const mostBody = 16 * 1024
const mostHeartbeats = 1024 * 1024
const heartbeatsPath = '/v1/heartbeats'

const statusOf: Record<Refusal, number> = {
  upstream_unknown: 404,
  upstream_not_leased: 409,
  key_missing: 400,
  key_unexpected: 400,
  address_not_allowed: 403,
  register_full: 503,
}

const form = /^\/v1\/upstreams\/([A-Za-z][A-Za-z0-9_-]{0,63})(?:\/keys\/([^/?]+))?\/targets\/([^/?]+)$/

function placeOf(url: string): Place | undefined {
  const [, upstream, key, id] = form.exec(url) ?? []
  if (upstream === undefined || id === undefined || !isPlaceWord(id)) return undefined
  if (key === undefined) return { upstream, id }
  return isPlaceWord(key) ? { upstream, key, id } : undefined
}

function leaseReply(status: number, lease: Lease): AdminReply {
  const { upstream, key, id, url, state, ttl, renewedAt } = lease
  const revision = revisionOf(lease)
  const expiresAt = new Date(renewedAt + ttl).toISOString()
  const body = `${JSON.stringify({ upstream, key, id, url, state, ttlMs: ttl, expiresAt, revision })}\n`
  return { status, type: 'application/json; charset=utf-8', body }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

/** Undefined if there is too much. Rejects if the client goes. Events, because an iterator costs as much as the rest. */
function readText(request: IncomingMessage, most = mostBody): Promise<string | undefined> {
  return new Promise((resolve, reject) => {
    let text = ''
    request.setEncoding('utf8')
    request.on('data', (chunk: string) => {
      text += chunk
      if (text.length > most) resolve(undefined)
    })
    request.on('end', () => resolve(text))
    request.on('error', reject)
    request.on('close', () => reject(new Error('the client has gone')))
  })
}
