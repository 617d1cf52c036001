import { isIP } from 'node:net'
import { generate } from 'selfsigned'

/** PEM texts, as node:tls takes them. */
export interface Certificate {
  key: string
  cert: string
}

export interface CertificateOptions {
  /** Who signs it; itself if nobody does. */
  ca?: Certificate
  /** Whether it may sign others. */
  authority?: boolean
  notBefore?: Date
  notAfter?: Date
}

/** A certificate for these DNS names and addresses, valid for a day. The first name is its common name. */
export async function selfSigned(
  names: readonly string[] = ['localhost', '127.0.0.1', '::1'],
  { ca, authority = false, notBefore, notAfter }: CertificateOptions = {},
): Promise<Certificate> {
  const start = notBefore ?? new Date(Date.now() - 60_000)
  const made = await generate([{ name: 'commonName', value: names[0] ?? 'nobody' }], {
    keyType: 'ec',
    algorithm: 'sha256',
    notBeforeDate: start,
    notAfterDate: notAfter ?? new Date(Date.now() + 86_400_000),
    ...(ca ? { ca } : {}),
    extensions: [
      { name: 'basicConstraints', cA: authority, critical: true },
      { name: 'keyUsage', digitalSignature: true, keyCertSign: authority },
      { name: 'subjectAltName', altNames: names.map(alternativeName) },
    ],
  })
  return { key: made.private, cert: made.cert }
}

function alternativeName(name: string): { type: 2; value: string } | { type: 7; ip: string } {
  return isIP(name) ? { type: 7, ip: name } : { type: 2, value: name }
}
