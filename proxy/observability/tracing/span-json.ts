import type { ExchangeRecord } from '../exchange-record.ts'
import { redactUrl } from '../redaction.ts'
import type { Attempt, Trace } from './trace.ts'

/**
 * The spans of an exchange as OTLP has them in JSON, each a text: one of kind SERVER for the exchange, and below it one of
 * kind CLIENT for each target that was asked. Attributes are those of the semantic conventions for HTTP, and
 * `gatehouse.…` for what only we know. No field of a request but User-Agent is in them, and no secret of its address.
 */
export function spansOf(record: ExchangeRecord, trace: Trace, keepQuery: boolean): string[] {
  const zero = record.startedAt - record.started
  return [
    serverSpan(record, trace, keepQuery),
    ...trace.attempts.map((attempt, number) =>
      clientSpan(record, trace, { attempt, number, zero, keepQuery }),
    ),
  ]
}

// --- internal ---

function serverSpan(record: ExchangeRecord, trace: Trace, keepQuery: boolean): string {
  const { status, errorCode } = record
  const failed = status >= 500 || status === 0
  const method = knownMethod(record.method)
  return span({
    trace,
    spanId: trace.spanId,
    parentId: trace.parentId,
    name: record.route === undefined ? method : `${method} ${record.route}`,
    kind: 2,
    start: record.startedAt,
    end: record.startedAt + record.duration,
    failed,
    attributes: {
      ...requestOf(record),
      ...addressOf(record, keepQuery),
      'client.address': record.clientAddress,
      'network.peer.address': record.peerAddress,
      'network.peer.port': record.peerPort,
      'network.protocol.version': record.protocol.replace(/^HTTP\/|\.0$/g, '').replace(/^1$/, '1.0'),
      'user_agent.original': agentOf(record.requestHeaders),
      'http.response.status_code': status === 0 ? undefined : status,
      'http.request.body.size': record.bytesReceived,
      'http.response.body.size': record.bytesSent,
      'error.type': failed ? (errorCode ?? (status === 0 ? 'aborted' : String(status))) : undefined,
      'gatehouse.request_id': record.id,
      'gatehouse.listener': record.listener,
      'gatehouse.route': record.route,
      'gatehouse.upstream': record.service,
      'gatehouse.decision': record.decision,
      'gatehouse.deny_policy': record.denyPolicy,
      'gatehouse.error': errorCode,
      'gatehouse.aborted': record.aborted ? true : undefined,
    },
  })
}

interface Sent {
  readonly attempt: Attempt
  readonly number: number
  /** Unix ms of the moment from which `performance.now()` counts. */
  readonly zero: number
  readonly keepQuery: boolean
}

function clientSpan(
  record: ExchangeRecord,
  trace: Trace,
  { attempt, number, zero, keepQuery }: Sent,
): string {
  const { target, error, startedAt, endedAt = record.started + record.duration } = attempt
  const status = error === undefined ? record.upstreamStatus : undefined
  const failed = error !== undefined || status === undefined || status >= 400
  const place = URL.canParse(target) && !target.startsWith('unix:') ? new URL(target) : undefined
  return span({
    trace,
    spanId: attempt.spanId,
    parentId: trace.spanId,
    name: knownMethod(record.method),
    kind: 3,
    start: zero + startedAt,
    end: zero + endedAt,
    failed,
    attributes: {
      ...requestOf(record),
      'url.full': redactUrl(target, keepQuery),
      'server.address': place === undefined ? target : bare(place.hostname),
      'server.port': place && Number(place.port || (place.protocol === 'https:' ? 443 : 80)),
      'http.response.status_code': status,
      'http.request.resend_count': number === 0 ? undefined : number,
      'error.type': failed ? (error ?? (status === undefined ? 'aborted' : String(status))) : undefined,
      'gatehouse.upstream': record.service,
    },
  })
}

function requestOf({ method }: ExchangeRecord): Attributes {
  const known = knownMethod(method)
  return {
    'http.request.method': known === 'HTTP' ? '_OTHER' : known,
    'http.request.method_original': known === 'HTTP' ? method : undefined,
  }
}

function addressOf({ uri, host, secure }: ExchangeRecord, keepQuery: boolean): Attributes {
  const [path = '', ...query] = redactUrl(uri, keepQuery).split('?')
  const [, name = host, port] = /^(.*?)(?::(\d{1,5}))?$/.exec(host) ?? []
  return {
    'url.scheme': secure ? 'https' : 'http',
    'url.path': path,
    'url.query': query.length > 0 ? query.join('?') : undefined,
    'server.address': bare(name),
    'server.port': port === undefined ? undefined : Number(port),
  }
}

const methods = new Set(['GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'CONNECT', 'OPTIONS', 'TRACE', 'PATCH'])

/** A client chooses its method, and the names of spans are a closed list. */
function knownMethod(method: string): string {
  return methods.has(method) ? method : 'HTTP'
}

function agentOf(raw: readonly string[]): string | undefined {
  for (let i = 0; i + 1 < raw.length; i += 2)
    if ((raw[i] as string).toLowerCase() === 'user-agent') return raw[i + 1]
  return undefined
}

function bare(host: string): string {
  return host.replace(/^\[|\]$/g, '')
}

// --- OTLP ---

type Attributes = Readonly<Record<string, string | number | boolean | undefined>>

interface Span {
  readonly trace: Trace
  readonly spanId: string
  readonly parentId: string | undefined
  readonly name: string
  readonly kind: number
  /** Unix ms. */
  readonly start: number
  readonly end: number
  readonly failed: boolean
  readonly attributes: Attributes
}

/** Written by hand: two spans take 8 µs, and 11 as objects for `JSON.stringify`. */
function span({ trace, spanId, parentId, name, kind, start, end, failed, attributes }: Span): string {
  let json = `{"traceId":"${trace.id}","spanId":"${spanId}"`
  if (parentId !== undefined) json += `,"parentSpanId":"${parentId}"`
  if (trace.state !== '') json += `,"traceState":${JSON.stringify(trace.state)}`
  json += `,"name":${JSON.stringify(name)},"kind":${kind}`
  json += `,"startTimeUnixNano":"${nanoseconds(start)}","endTimeUnixNano":"${nanoseconds(Math.max(start, end))}"`
  if (failed) json += ',"status":{"code":2}'
  return `${json},"attributes":${otlpAttributes(attributes)}}`
}

/** A list in JSON. Keys are ours, and need no escape. */
export function otlpAttributes(attributes: Attributes): string {
  let json = ''
  for (const key in attributes) {
    const value = attributes[key]
    if (value !== undefined) json += `,{"key":"${key}","value":${otlpValue(value)}}`
  }
  return `[${json.slice(1)}]`
}

/** Of a text. A client that sends long ones must not fill the queue. */
const longest = 1000

/** Whole numbers are texts: JSON knows none of 64 bits. */
function otlpValue(value: string | number | boolean): string {
  if (typeof value === 'string')
    return `{"stringValue":${JSON.stringify(value.slice(0, longest).toWellFormed())}}`
  return typeof value === 'boolean' ? `{"boolValue":${value}}` : `{"intValue":"${value}"}`
}

/** To the microsecond. A number of nanoseconds would be rounded to hundreds. */
function nanoseconds(milliseconds: number): string {
  return `${Math.round(milliseconds * 1000)}000`
}
