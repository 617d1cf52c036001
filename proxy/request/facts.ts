import type { ClientAddress } from '../address.ts'

/**
 * Everything that may decide about an exchange, and nothing else: no socket, no body, no clock.
 * `match` and the policies see facts alone, so the running proxy, `explain`, `plan` and route tests agree.
 */
export interface Facts {
  /** Name of the listener in routes.yaml. */
  readonly listener: string
  /** Whether the client's connection is encrypted, here or (believed only from a trusted proxy) before us. */
  readonly secure: boolean
  readonly protocol: 'HTTP/1.0' | 'HTTP/1.1' | 'HTTP/2.0'
  /** True for a WebSocket handshake. Policies hold for it as for any request. */
  readonly upgrade: boolean
  /** The client, normalised once: trusted proxies resolved, IPv4-mapped IPv6 unwrapped. */
  readonly client: ClientAddress
  readonly method: string
  /** Lower case, no port, no trailing dot. */
  readonly host: string
  /** The host with the port that the client named, if it did: what an upstream sees as Host. */
  readonly authority: string
  /** The canonical path, as the upstream will read it. See `match/canonical-path.ts`. */
  readonly path: string
  /** The query with its `?`, or an empty string. Untouched. */
  readonly query: string
  readonly headers: HeaderFields
  /** Values of `:name` segments of the route's path. Empty until a route has matched. */
  params: Readonly<Record<string, string>>
  /** The claims of the token that the `jwt` policy verified. Empty until it has passed; later policies may read them. */
  claims?: Readonly<Record<string, unknown>>
  /** The client certificate of a listener that asks for one. */
  readonly clientCertificate?: ClientCertificate
  /** Not to decide by: what a service that a policy asks is told, so that its log names the request. None in a rehearsal. */
  requestId?: string
  /** The same, where exchanges are traced. */
  traceparent?: string
  /** True when nobody is waiting (explain, plan, tests): a limit is looked at and not used up. */
  readonly rehearsal?: boolean
}

export interface ClientCertificate {
  subject: string
  /** SHA-256 of the certificate, hex pairs with colons. */
  fingerprint: string
  serial: string
}

/** Header fields of a request. Names are compared without case. */
export interface HeaderFields {
  /** The first field of that name. Ask for it in lower case. */
  get(name: string): string | undefined
  /** Every field of that name, in order. */
  all(name: string): string[]
  /** name, value, name, value, as received. */
  readonly raw: readonly string[]
}

/** Header fields over Node's `rawHeaders`: a scan, because most routes ask for one name or none. */
export class RawHeaderFields implements HeaderFields {
  readonly raw: readonly string[]
  constructor(raw: readonly string[]) {
    this.raw = raw
  }
  get(name: string): string | undefined {
    const raw = this.raw
    for (let i = 0; i < raw.length; i += 2) if (sameName(raw[i] as string, name)) return raw[i + 1]
    return undefined
  }
  all(name: string): string[] {
    const raw = this.raw
    const values: string[] = []
    for (let i = 0; i < raw.length; i += 2)
      if (sameName(raw[i] as string, name)) values.push(raw[i + 1] as string)
    return values
  }
}

function sameName(field: string, lowerCase: string): boolean {
  return field.length === lowerCase.length && (field === lowerCase || field.toLowerCase() === lowerCase)
}
