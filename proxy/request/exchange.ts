import type { ClientAddress } from '../address.ts'
import type { ErrorCode } from '../errors.ts'
import type { ExchangeRecord } from '../observability/exchange-record.ts'
import type { Trace } from '../observability/tracing/trace.ts'
import type { Target } from '../upstreams/upstream.ts'
import type { Admission, Overload, Place } from './accept/admission.ts'
import type { ClientRequest, ClientResponse, ConnectionTls, Incoming, Listener } from './accept/incoming.ts'
import type { Facts } from './facts.ts'
import type { Route } from './match/route.ts'
import type { HeaderEntry, ResponseHeaders } from './policies/policy.ts'

/**
 * One request with its response, or one upgrade with its tunnel, on its way through the five stages. Stages
 * write down what they find; the finish reads it. It is its own log record, so nothing is copied.
 */
export class Exchange implements ExchangeRecord {
  readonly request: ClientRequest
  readonly response: ClientResponse
  readonly upgrade: Incoming['upgrade']
  readonly from: Listener
  readonly tls: ConnectionTls | undefined
  readonly peer: ClientAddress
  readonly peerPort: number
  readonly expectsContinue: boolean
  /** As received; what middleware is shown is the path that is sent on. */
  readonly uri: string
  readonly startedAt = Date.now()
  readonly started = performance.now()
  id = ''
  /** Where it stands in the list of those that are under way. */
  seat = -1

  /** Set by accept, where exchanges are traced. */
  trace: Trace | undefined
  /** Set by accept: as what it is counted and by whom, or what there is too much of. */
  admission: Admission | undefined
  place: Place | undefined
  overload: Overload | undefined
  /** Set by accept. Undefined only while the request has not been understood. */
  facts: Facts | undefined
  /** Set at the end of one that has no facts: who it was. */
  client: ClientAddress | undefined
  /** Set by match. */
  matched: Route | undefined
  /** The part of the path that the route's pattern took. */
  prefix = ''
  /** Set by policies: fields for the upstream, and for the response. */
  upstreamHeaders: readonly HeaderEntry[] = []
  addedHeaders: readonly HeaderEntry[] = []
  user: string | undefined
  observed: readonly { policy: string; reason: string }[] | undefined
  decision: 'allow' | 'deny' | 'error' = 'allow'
  errorCode: ErrorCode | undefined
  denyPolicy: string | undefined
  denyReason: string | undefined
  /** Set by relay. */
  upstreamTarget: Target | undefined
  upstreamStatus: number | undefined
  upstreamDuration: number | undefined
  attempts = 0
  /** The policy in observe mode that would have cut the request's body, which declared no length. */
  outgrew: string | undefined
  kind: 'http' | 'websocket' | 'sse' = 'http'
  /**
   * What is under way for the client, ended when it leaves. An object that is there anyway: a closure for each
   * request kept 4 KB of it alive until the next full collection, which cost an eighth of the CPU.
   */
  underway: { abort(error: Error): void } | undefined
  /** Set by respond and by the finish. */
  status = 0
  responseHeaders: ResponseHeaders = {}
  bytesReceived = 0
  bytesSent = 0
  aborted = false
  finished = false
  duration = 0
  detail: string | undefined

  constructor(incoming: Incoming) {
    this.request = incoming.request
    this.uri = incoming.request.url ?? ''
    this.response = incoming.response
    this.upgrade = incoming.upgrade
    this.from = incoming.listener
    this.tls = incoming.tls
    this.peer = incoming.peer
    this.peerPort = incoming.peerPort
    this.expectsContinue = incoming.expectsContinue
  }

  get listener(): string {
    return this.from.name
  }
  get secure(): boolean {
    return this.facts?.secure ?? this.from.secure
  }
  get protocol(): string {
    return this.facts?.protocol ?? `HTTP/${this.request.httpVersion}`
  }
  get method(): string {
    return this.request.method ?? ''
  }
  get host(): string {
    return this.request.headers[':authority']?.toString() ?? this.request.headers.host ?? ''
  }
  get clientAddress(): string {
    return (this.facts?.client ?? this.client ?? this.peer).text
  }
  get peerAddress(): string {
    return this.peer.text
  }
  get requestHeaders(): readonly string[] {
    return this.request.rawHeaders
  }
  get route(): string | undefined {
    return this.matched?.name
  }
  get rule(): string | undefined {
    return this.matched?.rule
  }
  get service(): string | undefined {
    return this.matched?.destination.kind === 'upstream' ? this.matched.destination.upstream.name : undefined
  }
  get target(): string | undefined {
    return this.upstreamTarget?.address.text
  }
}
