import { isHopByHop, namedInConnection } from '../../upstreams/http1/hop-by-hop.ts'
import type { Exchange } from '../exchange.ts'
import type { Facts } from '../facts.ts'
import type { Route } from '../match/route.ts'
import type { RequestHeaders } from '../policies/policy.ts'
import { asCgiReadsIt, removeFields } from '../policies/request-fields.ts'

/**
 * The fields that an upstream receives: what the client sent, less what ends at this hop, less everything
 * that only we may say; then what we say.
 *
 * A client that could set X-Forwarded-For, X-Real-IP or X-Forwarded-User would choose who the upstream takes
 * it for. They are dropped whatever their spelling and set anew. Framing (length or chunks) is not among
 * them: the relay frames every body itself.
 */
export function requestHeadersFor(
  exchange: Exchange,
  route: Route,
  facts: Facts,
  host: string,
): RequestHeaders {
  const headers: RequestHeaders = ['Host', host]
  const raw = facts.headers.raw
  const named = namedInConnection(facts.headers.all('connection'))
  const verdicts = exchange.upstreamHeaders
  const replaced = verdicts.length === 0 ? none : new Set(verdicts.map(([set]) => asCgiReadsIt(set)))
  const { trace } = exchange
  let cookies: string | undefined
  for (let i = 0; i < raw.length; i += 2) {
    const name = raw[i] as string
    const key = name.toLowerCase()
    if (isOurs(key) || isHopByHop(key) || named.has(key)) continue
    if (trace !== undefined && (key === 'traceparent' || key === 'tracestate')) continue
    if (replaced.size > 0 && replaced.has(asCgiReadsIt(key))) continue
    const value = raw[i + 1] as string
    // HTTP/2 may split cookies into many fields; HTTP/1.1 knows one (RFC 9113 §8.2.3).
    if (key === 'cookie') cookies = cookies === undefined ? value : `${cookies}; ${value}`
    else headers.push(name, value)
  }
  if (cookies !== undefined) headers.push('Cookie', cookies)
  addForwarded(headers, exchange, facts, route)
  if (trace !== undefined) {
    headers.push('traceparent', trace.traceparent)
    if (trace.state !== '') headers.push('tracestate', trace.state)
  }
  for (const editor of route.requestEditors) editor.editRequest?.(facts, headers)
  for (const [name, value] of verdicts) headers.push(name, value)
  return headers
}

/**
 * Sets the fields that a target asks for, last of all: a client that sent one of the same name, or a policy that let
 * it pass, must not stand beside a credential of ours.
 */
export function setTargetHeaders(headers: RequestHeaders, wanted: Readonly<Record<string, string>>): void {
  const names = Object.keys(wanted)
  if (names.length === 0) return
  removeFields(headers, new Set(names.map(asCgiReadsIt)))
  for (const name of names) headers.push(name, wanted[name] as string)
}

const none: ReadonlySet<string> = new Set()

/** Fields that are never passed on as the client sent them. Underscored twins neither: CGI reads both as one. */
function isOurs(key: string): boolean {
  if (ours.has(key) || key.charCodeAt(0) === 0x3a) return true
  return (key.startsWith('x-forwarded') || key.includes('_')) && isOursUnderAnotherName(key)
}

const ours = new Set([
  'host',
  'content-length',
  'expect',
  'forwarded',
  'x-real-ip',
  'x-request-id',
  // Some upstreams serve this path, and not the one that was decided about (IIS, frameworks of PHP).
  'x-original-url',
  'x-rewrite-url',
  // CGI makes HTTP_PROXY of it, by which programs choose whom they ask ("httpoxy", CVE-2016-5385).
  'proxy',
])

function isOursUnderAnotherName(key: string): boolean {
  const dashed = asCgiReadsIt(key)
  return dashed.startsWith('x-forwarded-') || ours.has(dashed)
}

function addForwarded(headers: RequestHeaders, exchange: Exchange, facts: Facts, route: Route): void {
  const client = facts.client.text
  const proto = facts.secure ? 'https' : 'http'
  const { authority } = facts
  headers.push(
    'X-Forwarded-For',
    client,
    'X-Forwarded-Proto',
    proto,
    'X-Forwarded-Host',
    authority,
    'X-Real-IP',
    client,
  )
  headers.push(
    'Forwarded',
    `for=${client.includes(':') ? `"[${client}]"` : client};host="${authority}";proto=${proto}`,
  )
  headers.push(
    'Via',
    `${facts.protocol === 'HTTP/2.0' ? '2.0' : facts.protocol.slice(5)} gatehouse`,
    'X-Request-Id',
    exchange.id,
  )
  if (route.config.forward.prefix !== 'keep' && exchange.prefix !== '')
    headers.push('X-Forwarded-Prefix', exchange.prefix)
  if (exchange.user !== undefined) headers.push('X-Forwarded-User', encodeURI(exchange.user))
}
