import { type ClientAddress, inNetworks, type Network, parseAddress } from '../../address.ts'
import { GatehouseError } from '../../errors.ts'
import { type Facts, type HeaderFields, RawHeaderFields } from '../facts.ts'
import { canonicalHost } from '../match/canonical-host.ts'
import { canonicalPath } from '../match/canonical-path.ts'
import { isClearCoding } from './framing.ts'
import type { Incoming } from './incoming.ts'

/**
 * Reads what a request says into facts, once. Throws a GatehouseError for what cannot be read without doubt,
 * so that nothing after it meets two readings of one request.
 */
export function readFacts(incoming: Incoming, trustedProxies: readonly Network[]): Facts {
  const { request, listener } = incoming
  const headers = new RawHeaderFields(request.rawHeaders)
  const target = readTarget(request.url ?? '')
  const overHttp2 = request.httpVersionMajor === 2
  const http10 = !overHttp2 && request.httpVersionMinor === 0
  refuseDoubtfulFields(headers, request.method ?? '', overHttp2, http10)
  const trusted = inNetworks(incoming.peer, trustedProxies)
  return {
    listener: listener.name,
    secure: trusted ? forwardedSecure(headers, listener.secure) : listener.secure,
    protocol: overHttp2 ? 'HTTP/2.0' : http10 ? 'HTTP/1.0' : 'HTTP/1.1',
    upgrade: incoming.upgrade !== undefined,
    client: trusted ? forwardedClient(headers, incoming.peer, trustedProxies) : incoming.peer,
    method: request.method ?? '',
    ...readHost(headers, target.authority, { overHttp2, http10 }),
    path: target.path,
    query: target.query,
    headers,
    params: noParams,
    requestId: undefined,
    traceparent: undefined,
    clientCertificate: incoming.tls?.clientCertificate,
  }
}

/**
 * Who sent a request that could not be read. Programs that shut out addresses read the log: behind a trusted proxy that
 * must be its client, or one spoilt request after another has the proxy itself shut out, and everybody with it.
 */
export function readClient(
  { request, peer }: Pick<Incoming, 'request' | 'peer'>,
  trustedProxies: readonly Network[],
): ClientAddress {
  if (!inNetworks(peer, trustedProxies)) return peer
  return forwardedClient(new RawHeaderFields(request.rawHeaders), peer, trustedProxies)
}

const noParams = Object.freeze({})

interface Target {
  path: string
  query: string
  authority?: string
}

/** Splits the request target, of any of the forms of RFC 9112 §3.2, into a canonical path and a raw query. */
function readTarget(url: string): Target {
  let rest = url
  let authority: string | undefined
  const scheme = /^https?:\/\//i.exec(url)
  if (scheme) {
    const end = url.slice(scheme[0].length).search(/[/?]/)
    authority = end === -1 ? url.slice(scheme[0].length) : url.slice(scheme[0].length, scheme[0].length + end)
    rest = url.slice(scheme[0].length + authority.length)
    if (!rest.startsWith('/')) rest = `/${rest}`
  }
  const mark = rest.indexOf('?')
  const query = mark === -1 ? '' : rest.slice(mark)
  const path = canonicalPath(mark === -1 ? rest : rest.slice(0, mark))
  if (path === undefined) throw new GatehouseError('path_ambiguous')
  if (/[^\x21-\x7e]|#/.test(query))
    throw new GatehouseError('path_ambiguous', 'the query holds a blank, a control character or a raw byte')
  return { path, query, authority }
}

/**
 * One host, said once. Two of them, or `:authority` against `Host`, let one reader route by the first and
 * another by the second (RFC 9112 §3.2, RFC 9113 §8.3.1). The absolute form beats Host (§3.2.2).
 */
function readHost(
  headers: HeaderFields,
  absolute: string | undefined,
  { overHttp2, http10 }: { overHttp2: boolean; http10: boolean },
): Pick<Facts, 'host' | 'authority'> {
  const said = headers.all('host')
  const authority = overHttp2 ? headers.get(':authority') : undefined
  if (said.length > 1) throw new GatehouseError('host_invalid', 'more than one Host')
  if (authority !== undefined && said.length === 1 && said[0] !== authority)
    throw new GatehouseError('host_invalid', ':authority and Host differ')
  // RFC 9112 §3.2, whatever the target says; and an absolute form does not mend a Host that is none.
  if (!http10 && authority === undefined && said.length === 0)
    throw new GatehouseError('host_invalid', 'no Host')
  if (absolute !== undefined && said[0] !== undefined && canonicalHost(said[0]) === undefined)
    throw new GatehouseError('host_invalid')
  const text = absolute ?? authority ?? said[0]
  // HTTP/1.0 knows no Host. Such a device can still be routed by routes that name no host.
  if (text === undefined) return { host: '', authority: '' }
  return absolute === undefined ? rememberedPlace(text) : placeOf(text)
}

/** Read once: clients ask for the same few hosts again and again. */
function rememberedPlace(text: string): Place {
  const known = places.get(text)
  if (known !== undefined) return known
  const place = placeOf(text)
  // Clients choose names; a flood of others must not grow it.
  if (places.size >= mostPlaces) places.clear()
  places.set(text, place)
  return place
}

function placeOf(text: string): Place {
  const host = canonicalHost(text)
  if (host === undefined) throw new GatehouseError('host_invalid')
  const port = /:\d+$/.exec(text)
  return { host, authority: port ? host + port[0] : host }
}

type Place = Pick<Facts, 'host' | 'authority'>
const places = new Map<string, Place>()
const mostPlaces = 1000

/** Refuses fields that two readers are known to understand differently. */
function refuseDoubtfulFields(
  headers: HeaderFields,
  method: string,
  overHttp2: boolean,
  http10: boolean,
): void {
  if (method === 'TRACE' || method === 'CONNECT')
    throw new GatehouseError('method_not_allowed', `${method} is never served`)
  if (overHttp2 && !/^[A-Z][A-Z_-]{0,31}$/.test(method))
    throw new GatehouseError('bad_request', 'the method is no token in capitals')
  if (headers.all('authorization').length > 1)
    throw new GatehouseError('bad_request', 'more than one Authorization')
  const codings = headers.all('transfer-encoding')
  if (codings.length > 0 && !isClearCoding(codings.join(','), http10))
    throw new GatehouseError('framing_invalid', 'a transfer coding other than one chunked')
}

/** The nearest address of the chain that is not itself a trusted proxy: what lies before it may be invented. */
function forwardedClient(
  headers: HeaderFields,
  peer: ClientAddress,
  trusted: readonly Network[],
): ClientAddress {
  const chain = headers.all('x-forwarded-for').join(',').split(',')
  let client = peer
  for (let i = chain.length - 1; i >= 0; i--) {
    const address = parseAddress(withoutPort((chain[i] as string).trim()))
    if (address === undefined) return client
    client = address
    if (!inNetworks(address, trusted)) return client
  }
  return client
}

function withoutPort(text: string): string {
  const bracketed = /^\[([^\]]+)\](:\d+)?$/.exec(text)
  if (bracketed) return bracketed[1] as string
  const withPort = /^([\d.]+):\d+$/.exec(text)
  return withPort ? (withPort[1] as string) : text
}

function forwardedSecure(headers: HeaderFields, own: boolean): boolean {
  const said = headers.get('x-forwarded-proto')?.toLowerCase()
  return said === 'https' ? true : said === 'http' ? false : own
}
