import type { Trace } from './tracing/trace.ts'

/**
 * What is known of an exchange when it has ended: the one input of the access log and of the metrics.
 * The exchange itself has this shape, so nothing is copied.
 */
export interface ExchangeRecord {
  /** Request id: also in `X-Request-Id` and on error pages. */
  readonly id: string
  /** The trace that it is a part of, where exchanges are traced. */
  readonly trace?: Trace
  /** Unix time in milliseconds. */
  readonly startedAt: number
  /** The same moment on the clock of `performance.now()`. */
  readonly started: number
  /** Milliseconds from the request head to the end of the response (or of the tunnel). */
  readonly duration: number
  /** `sse` and `websocket` stay out of the duration histogram. */
  readonly kind: 'http' | 'websocket' | 'sse'
  readonly listener: string
  readonly secure: boolean
  readonly protocol: string
  readonly method: string
  /** As received. */
  readonly host: string
  /** Path and query as received. */
  readonly uri: string
  /** The client after trusted proxies were resolved, and the peer of the socket. */
  readonly clientAddress: string
  readonly peerAddress: string
  readonly peerPort: number
  readonly requestHeaders: readonly string[]
  /** 0 if the client was gone before there was one. */
  readonly status: number
  readonly responseHeaders: Readonly<Record<string, string | string[] | number | undefined>>
  readonly bytesReceived: number
  readonly bytesSent: number
  /** True when the client left, or the response was cut short. */
  readonly aborted: boolean
  readonly user?: string
  readonly tls?: {
    version: string
    cipher: string
    serverName: string
    alpn: string
    resumed: boolean
    clientCertificate?: { subject: string; serial: string }
  }

  /** The route that matched: its name and its place, such as `routes.yaml:42`. */
  readonly route?: string
  readonly rule?: string
  /** Upstream by name, the target that answered, and how. */
  readonly service?: string
  readonly target?: string
  readonly upstreamStatus?: number
  /** Milliseconds until the head of the upstream's response. */
  readonly upstreamDuration?: number
  readonly attempts: number

  /** `allow`: relayed or served; `deny`: a policy refused; `error`: the catalogue says why. */
  readonly decision: 'allow' | 'deny' | 'error'
  readonly errorCode?: string
  readonly denyPolicy?: string
  readonly denyReason?: string
  /** Policies in observe mode that would have refused. */
  readonly observed?: readonly { policy: string; reason: string }[]
  /** For the log only: what went wrong, in the words of the socket or the parser. */
  readonly detail?: string
}
