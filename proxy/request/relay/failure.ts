import type { ErrorCode } from '../../errors.ts'

/** What became of an attempt that brought no response. */
export interface Failure {
  readonly code: ErrorCode
  /** Nothing was sent: another attempt cannot repeat anything. */
  readonly nothingSent: boolean
  /** For the log: the words of the socket or the parser. */
  readonly detail: string
}

/**
 * Reads an error of the upstream's socket, TLS or parser. `stood`: there was a connection. A machine that vanishes then is
 * told of by the codes of one that cannot be reached (tcp(7), after the last retransmission), and may have had all of it.
 */
export function readFailure(error: unknown, stood: boolean): Failure {
  const { code = '', message = String(error) } = error as { code?: string; message?: string }
  const detail = code === '' ? message : `${code}: ${message}`
  if (code === 'UPSTREAM_CONNECT_TIMEOUT') return { code: 'upstream_timeout', nothingSent: true, detail }
  if (stood && code !== 'UPSTREAM_UNWRITABLE' && code !== 'UPSTREAM_NO_RESPONSE')
    return { code: 'upstream_broken', nothingSent: false, detail }
  if (unreachable.has(code)) return { code: 'upstream_refused', nothingSent: true, detail }
  if (code.startsWith('CERT_') || code.startsWith('ERR_TLS_') || certificateFaults.has(code))
    return { code: 'upstream_tls', nothingSent: true, detail }
  if (code === 'UPSTREAM_NO_RESPONSE') return { code: 'upstream_timeout', nothingSent: false, detail }
  if (code === 'UPSTREAM_FULL') return { code: 'upstream_full', nothingSent: true, detail }
  if (code === 'UPSTREAM_UNWRITABLE') return { code: 'bad_request', nothingSent: true, detail }
  return { code: 'upstream_broken', nothingSent: false, detail }
}

const unreachable = new Set([
  'ECONNREFUSED',
  // A lease names an address where its upstream may not have targets.
  'UPSTREAM_NOT_ALLOWED',
  'ENOENT',
  'EACCES',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'EHOSTDOWN',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EADDRNOTAVAIL',
])

const certificateFaults = new Set([
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'UNABLE_TO_GET_ISSUER_CERT',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
  'HOSTNAME_MISMATCH',
])
