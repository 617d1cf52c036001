import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import path from 'node:path'

/** A certificate with its key, checked against each other. */
export interface CertificatePair {
  /** As configured, for messages. */
  readonly file: string
  readonly cert: string
  readonly key: string
  readonly keyType: string
  readonly subject: string
  /** Host names in lower case (a wildcard keeps its `*.`), and IP addresses in Node's text form. */
  readonly names: readonly string[]
  readonly serial: string
  readonly notBefore: Date
  readonly notAfter: Date
}

export interface PairPaths {
  readonly cert: string
  readonly key: string
}

/**
 * Reads a pair; relative paths start at `folder`. Throws one sentence that says which file is at fault: it
 * is missing or unreadable, holds no PEM, is encrypted, or the key is not the one of the certificate.
 */
export async function readPair({ cert, key }: PairPaths, folder: string): Promise<CertificatePair> {
  const [certText, keyText] = await Promise.all([
    readPem(cert, folder, 'certificate'),
    readPem(key, folder, 'key'),
  ])
  const leaf = parseCertificate(certText, cert)
  const secret = parseKey(keyText, key)
  if (!leaf.checkPrivateKey(secret))
    throw new Error(`${key} is not the key of the certificate in ${cert} (${subjectOf(leaf)})`)
  return {
    file: cert,
    cert: certText,
    key: keyText,
    keyType: secret.asymmetricKeyType ?? 'unknown',
    subject: subjectOf(leaf),
    names: namesOf(leaf),
    serial: leaf.serialNumber,
    notBefore: leaf.validFromDate,
    notAfter: leaf.validToDate,
  }
}

/** What a person should know of a pair that works all the same. In sentences. */
export function doubtsAbout(pair: CertificatePair, now = new Date()): string[] {
  const doubts: string[] = []
  if (pair.notAfter < now)
    doubts.push(`the certificate in ${pair.file} expired on ${day(pair.notAfter)}; clients will refuse it`)
  if (pair.notBefore > now)
    doubts.push(`the certificate in ${pair.file} is not valid before ${day(pair.notBefore)}`)
  if (pair.names.length === 0)
    doubts.push(`the certificate in ${pair.file} names no host, so it serves only as the default`)
  return doubts
}

/** Reads a PEM file. Throws one sentence if there is none. `what` names it in the message. */
export async function readPem(file: string, folder: string, what: string): Promise<string> {
  let text: string
  try {
    text = await readFile(path.resolve(folder, file), 'utf8')
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    if (code === 'ENOENT') throw new Error(`${what} file ${file} does not exist (looked in ${folder})`)
    if (code === 'EACCES') throw new Error(`${what} file ${file} may not be read by this user`)
    throw new Error(`${what} file ${file} cannot be read: ${message}`)
  }
  if (!text.includes('-----BEGIN '))
    throw new Error(`${what} file ${file} is not PEM: it has no -----BEGIN line`)
  return text
}

// --- Internal ---

function parseCertificate(text: string, file: string): X509Certificate {
  try {
    return new X509Certificate(text)
  } catch (error) {
    const swapped = text.includes('PRIVATE KEY-----') ? '; it holds a key: are `cert` and `key` swapped?' : ''
    throw new Error(`${file} holds no certificate that can be read (${(error as Error).message})${swapped}`)
  }
}

function parseKey(text: string, file: string): KeyObject {
  try {
    return createPrivateKey(text)
  } catch (error) {
    if (/ENCRYPTED/.test(text))
      throw new Error(
        `${file} is encrypted and nobody is there to type its passphrase; decrypt it with \`openssl pkey -in ${file} -out decrypted.key\``,
      )
    const swapped = text.includes('BEGIN CERTIFICATE')
      ? '; it holds a certificate: are `cert` and `key` swapped?'
      : ''
    throw new Error(`${file} holds no private key that can be read (${(error as Error).message})${swapped}`)
  }
}

/** Authorities leave the subject out where the names say it all, and Node answers undefined then. */
function subjectOf({ subject }: { readonly subject?: string }): string {
  return subject?.split('\n').join(', ') ?? ''
}

/** The common name counts only where there is no subjectAltName, as browsers once did and some devices do. */
function namesOf(leaf: X509Certificate): string[] {
  const names: string[] = []
  for (const item of leaf.subjectAltName?.split(', ') ?? []) {
    if (item.startsWith('DNS:')) names.push(item.slice(4).toLowerCase())
    else if (item.startsWith('IP Address:')) names.push(plainIp(item.slice(11)))
  }
  if (names.length > 0) return names
  const common = /^CN=(.+)$/m.exec(leaf.subject ?? '')?.[1]
  return common !== undefined && /^[A-Za-z0-9.*_-]+$/.test(common) ? [common.toLowerCase()] : []
}

/** OpenSSL prints every group of an IPv6 address; everybody else uses the short form. */
function plainIp(text: string): string {
  if (!text.includes(':')) return text
  return new URL(`http://[${text}]`).hostname.slice(1, -1)
}

function day(date: Date): string {
  return date.toISOString().slice(0, 10)
}
