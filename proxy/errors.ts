/**
 * The one catalogue of everything Gatehouse may refuse or fail with.
 *
 * `side` says who has to act: the client, the upstream, or the operator of this proxy. `retryable` tells a
 * client whether the same request may work later. `text` is all that the public ever reads; details go to the
 * log under the request id.
 */
export interface ErrorEntry {
  status: number
  side: 'client' | 'upstream' | 'proxy'
  retryable: boolean
  text: string
}

export const errors = {
  // accept and match: what was sent cannot be read without doubt
  bad_request: entry(400, 'client', false, 'The request could not be understood.'),
  path_ambiguous: entry(400, 'client', false, 'The path of this address can be read in more than one way.'),
  host_invalid: entry(400, 'client', false, 'The host of this address is missing or malformed.'),
  framing_invalid: entry(400, 'client', false, 'The length of the request body is not stated clearly.'),
  upgrade_invalid: entry(400, 'client', false, 'The request to switch protocols is malformed.'),
  misdirected: entry(421, 'client', false, 'This connection does not serve that host.'),
  headers_too_large: entry(431, 'client', false, 'The request has too many or too large header fields.'),
  request_timeout: entry(408, 'client', true, 'The request took too long to arrive.'),
  no_route: entry(404, 'client', false, 'Nothing is served at this address.'),
  file_not_found: entry(404, 'client', false, 'There is no such page.'),

  // policies
  address_denied: entry(403, 'client', false, 'This address is not open to your network.'),
  method_not_allowed: entry(405, 'client', false, 'This address does not accept that method.'),
  credentials_required: entry(401, 'client', false, 'Please sign in.'),
  credentials_invalid: entry(401, 'client', false, 'The name or password is not right.'),
  token_required: entry(401, 'client', false, 'A token is required.'),
  token_invalid: entry(401, 'client', false, 'The token is not valid.'),
  token_expired: entry(401, 'client', true, 'The token has expired.'),
  claim_denied: entry(403, 'client', false, 'Your token does not allow this.'),
  forward_auth_denied: entry(403, 'client', false, 'Access was refused.'),
  forward_auth_unavailable: entry(503, 'upstream', true, 'Access cannot be checked just now.'),
  key_unavailable: entry(503, 'proxy', true, 'Tokens cannot be checked just now.'),
  rate_limited: entry(429, 'client', true, 'Too many requests. Please wait a moment.'),
  body_too_large: entry(413, 'client', false, 'The request body is too large.'),
  maintenance: entry(503, 'proxy', true, 'Closed for maintenance. Please come back soon.'),
  policy_denied: entry(403, 'client', false, 'Access was refused.'),
  extension_broken: entry(503, 'proxy', true, 'This address is closed because a part of it failed to load.'),

  // relay: what the upstream did
  upstream_away: entry(
    503,
    'upstream',
    true,
    'The service behind this address is away. It should be back soon.',
  ),
  upstream_refused: entry(
    503,
    'upstream',
    true,
    'The service behind this address does not accept connections.',
  ),
  upstream_timeout: entry(504, 'upstream', true, 'The service behind this address took too long to answer.'),
  upstream_broken: entry(
    502,
    'upstream',
    true,
    'The service behind this address gave an answer that cannot be relayed.',
  ),
  upstream_tls: entry(
    502,
    'upstream',
    false,
    'The identity of the service behind this address could not be verified.',
  ),
  upstream_full: entry(503, 'upstream', true, 'The service behind this address is busy.'),

  // the proxy itself
  overloaded: entry(503, 'proxy', true, 'Too busy just now. Please try again in a moment.'),
  stopping: entry(503, 'proxy', true, 'Restarting. Please try again in a moment.'),
  internal: entry(500, 'proxy', true, 'Something went wrong here.'),
} as const satisfies Record<string, ErrorEntry>

export type ErrorCode = keyof typeof errors

/**
 * A failure with a place in the catalogue. `detail` is for the log and never reaches a client.
 */
export class GatehouseError extends Error {
  readonly code: ErrorCode
  constructor(code: ErrorCode, detail?: string, options?: { cause?: unknown }) {
    super(detail ?? errors[code].text, options)
    this.name = 'GatehouseError'
    this.code = code
  }
}

function entry(status: number, side: ErrorEntry['side'], retryable: boolean, text: string): ErrorEntry {
  return { status, side, retryable, text }
}
