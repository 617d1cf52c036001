import { constants } from 'node:crypto'
import type { SecureContextOptions } from 'node:tls'
import type { CertificatePair } from './certificate-pair.ts'

export type TlsVersion = 'TLSv1.2' | 'TLSv1.3'

/** What a listener adds to the certificates that it shares with others. Keep one object per listener. */
export interface ContextUse {
  /**
   * Up to 32 bytes. A session is resumed only where this is the same. It must differ between listeners that
   * ask for client certificates and those that do not: a ticket of the open one would let its holder into
   * the closed one without a certificate.
   */
  readonly sessionIdContext: string
  /** PEM of the authorities of client certificates. */
  readonly clientCa?: string
}

/** Mozilla's "intermediate": forward secrecy and authenticated encryption only, for TLS 1.2 as for 1.3. */
const ciphers = [
  'TLS_AES_128_GCM_SHA256',
  'TLS_AES_256_GCM_SHA384',
  'TLS_CHACHA20_POLY1305_SHA256',
  'ECDHE-ECDSA-AES128-GCM-SHA256',
  'ECDHE-RSA-AES128-GCM-SHA256',
  'ECDHE-ECDSA-AES256-GCM-SHA384',
  'ECDHE-RSA-AES256-GCM-SHA384',
  'ECDHE-ECDSA-CHACHA20-POLY1305',
  'ECDHE-RSA-CHACHA20-POLY1305',
].join(':')

/**
 * Options of a TLS context for one name: its certificate, or an RSA and an ECDSA one side by side, of which
 * OpenSSL gives each client the one that it understands. The groups stay OpenSSL's own: X25519MLKEM768 and
 * X25519 first.
 */
export function contextOptions(
  pairs: readonly CertificatePair[],
  minVersion: TlsVersion,
  use?: ContextUse,
): SecureContextOptions {
  return {
    cert: pairs.map((pair) => pair.cert),
    key: pairs.map((pair) => pair.key),
    minVersion,
    ciphers,
    // Our order, in which the cheapest comes first; but a phone without AES hardware, which asks for ChaCha20 before
    // all else, gets it.
    honorCipherOrder: true,
    secureOptions: constants.SSL_OP_PRIORITIZE_CHACHA,
    sessionIdContext: use?.sessionIdContext,
    ca: use?.clientCa,
  }
}
