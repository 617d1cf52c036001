import type { ErrorCode } from '../errors.ts'
import type { RecentDecision } from '../observability/recent-decisions.ts'

/** What an operator would do about a decision, if that can be said in one sentence. */
export function mendOf(decision: RecentDecision): string | undefined {
  const { error, rule = 'routes.yaml', request } = decision
  if (decision.decision === 'allow' || error === undefined) return undefined
  const known = mends[error as ErrorCode]
  if (known !== undefined) return known({ ...decision, rule, host: request?.host ?? '' })
  return request === undefined ? clientErrors.find(([pattern]) => pattern.test(error))?.[1] : undefined
}

// --- internal ---

interface Known extends RecentDecision {
  readonly rule: string
  readonly host: string
}

const mends: Partial<Record<ErrorCode, (known: Known) => string>> = {
  address_denied: ({ client, rule, policy }) =>
    `if ${client} may come, add it to \`${policy}\` of the route at ${rule}; if it is a proxy of yours, name it in trustedProxies`,
  method_not_allowed: ({ rule }) => `add the method to \`methods\` at ${rule}, if it may be used`,
  credentials_required: () => 'it sent no name and password; a device needs them in its own settings',
  credentials_invalid: () => 'the password file has another: gatehouse hash NAME --file FILE sets a new one',
  token_required: () => 'it sent no token, or in another place than the route reads it from',
  token_expired: ({ rule }) =>
    `the token has ended; if it is fresh, compare the clocks of both machines, and allow a difference at ${rule}`,
  token_invalid: ({ rule }) => `the token is not signed by the key at ${rule}, or is meant for somebody else`,
  rate_limited: ({ rule }) =>
    `raise \`rateLimit\` at ${rule}, or count by something else than the client if many share an address`,
  body_too_large: ({ rule }) => `raise \`maxBody\` at ${rule}`,
  no_route: ({ host, listener }) =>
    `no route of listener ${listener} fits ${host} and that path; gatehouse explain names the near misses`,
  path_ambiguous: () =>
    'the client writes its path in a way that two readers take differently; it has to send it plainly',
  host_invalid: () =>
    'the client sends no usable Host; old devices need a route on a plain listener without `host`',
  upstream_away: ({ rule }) =>
    `no target of the upstream at ${rule} has announced itself: start the service, then gatehouse upstreams`,
  upstream_refused: () =>
    'the service is registered and does not accept connections: is it up, and at that address?',
  upstream_timeout: ({ rule }) =>
    `the service took too long; look at it, or raise \`timeouts.response\` at ${rule}`,
  upstream_tls: () =>
    'the certificate of the service is not trusted: name its authority with `tls.ca` of the upstream',
  upstream_full: () => 'the service has as much as it may have at once: start another, or raise its limit',
  overloaded: () => 'more comes than this machine can do: add workers or machines, or raise `limits`',
  extension_broken: () => 'a file under `extensions` fails to load: gatehouse check says why',
  maintenance: ({ rule }) => `the route is closed by \`maintenance\` at ${rule}`,
}

/** Of bytes that were no request, by Node's code. */
const clientErrors: readonly (readonly [RegExp, string])[] = [
  [
    /UNKNOWN_CA|CERTIFICATE_UNKNOWN|BAD_CERTIFICATE/,
    'it does not trust our certificate: give it the authority, or let it use a plain listener',
  ],
  [
    /HTTP_REQUEST|WRONG_VERSION_NUMBER/,
    'it speaks plain HTTP to a TLS port: give it the port of a plain listener',
  ],
  [
    /UNSUPPORTED_PROTOCOL|VERSION_TOO_LOW/,
    'its TLS is older than `tls.minVersion`: update it, or let it use a plain listener',
  ],
  [
    /NO_SHARED_CIPHER|HANDSHAKE_FAILURE/,
    'it shares no cipher with us: update it, or let it use a plain listener',
  ],
  [/INVALID_METHOD|INVALID_CONSTANT/, 'it speaks something else than HTTP here, perhaps TLS to a plain port'],
  [/ECONNRESET/, 'it went away before it had sent a request, as a check does that only connects'],
  [/HEADER_OVERFLOW/, 'its request head is larger than `limits.headerSize`'],
  [/TIMEOUT/, 'it connected and did not send a whole request in time'],
]
