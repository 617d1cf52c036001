import {
  createPublicKey,
  createSecretKey,
  type JsonWebKey,
  type KeyObject,
  X509Certificate,
} from 'node:crypto'
import type { PolicyOptions } from '../../config/policy-schemas.ts'

export type TokenAlgorithm = NonNullable<PolicyOptions<'jwt'>['algorithms']>[number]

/** What tokens are verified with, and every algorithm that fits it. */
export type TokenKey =
  | { readonly kind: 'secret' | 'public'; readonly key: KeyObject; readonly fits: readonly TokenAlgorithm[] }
  | { readonly kind: 'set'; readonly keys: readonly JsonWebKey[]; readonly fits: readonly TokenAlgorithm[] }

/**
 * Reads a key: a PEM public key or certificate, a JWK, a JWK Set, or else the text of an HMAC secret. Throws a
 * sentence about a key that is too short, private, or of an unknown kind. The sentence never holds the key.
 *
 * What looks in any way like a public key is never taken for a secret: everybody knows the public key, and could
 * sign with it (key confusion).
 */
export function readTokenKey(content: Buffer, name: string): TokenKey {
  try {
    return readKeyText(decode(content))
  } catch (error) {
    throw new Error(`${name}: ${(error as Error).message}`)
  }
}

/** The algorithms that are accepted: those asked for, or all that fit the key. An algorithm that does not fit throws. */
export function chooseAlgorithms(
  fits: readonly TokenAlgorithm[],
  asked: readonly TokenAlgorithm[] | undefined,
): readonly TokenAlgorithm[] {
  const wrong = asked?.find((algorithm) => !fits.includes(algorithm))
  if (wrong !== undefined)
    throw new Error(`algorithms: ${wrong} does not fit the key, which is for ${fits.join(', ')}`)
  if (asked?.length === 0) throw new Error('algorithms: is empty, so that no token could ever pass')
  return asked ?? fits
}

const rsa: readonly TokenAlgorithm[] = ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512']

/** What a key of a fetched set may be for. HMAC is never among them. */
export const publicKeyAlgorithms: readonly TokenAlgorithm[] = [...rsa, 'ES256', 'ES384', 'ES512', 'EdDSA']

function readKeyText(text: string): TokenKey {
  if (text.includes('-----BEGIN')) return readPem(text)
  if (text.startsWith('{')) return readJson(text)
  if (looksPublic(text)) throw new Error('is a public key in a form that is not read here; convert it to PEM')
  return readSecret(Buffer.from(text))
}

function decode(content: Buffer): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(content).trim()
  } catch {
    throw new Error('is neither PEM nor text; a secret is written as text: openssl rand -base64 48')
  }
}

// --- secrets ---

/** RFC 7518 §3.2: a key at least as long as the hash. A shorter one can be guessed offline from one token. */
function readSecret(secret: Buffer): TokenKey {
  const fits: TokenAlgorithm[] = []
  if (secret.length >= 32) fits.push('HS256')
  if (secret.length >= 48) fits.push('HS384')
  if (secret.length >= 64) fits.push('HS512')
  if (fits.length === 0)
    throw new Error(
      `is a key too short: ${secret.length} bytes, and HS256 needs 32 (HS384 48, HS512 64); openssl rand -base64 48 makes one`,
    )
  return { kind: 'secret', key: createSecretKey(secret), fits }
}

function looksPublic(text: string): boolean {
  if (/^(ssh-|ecdsa-)/.test(text)) return true
  if (!/^[A-Za-z0-9+/=\s]+$/.test(text)) return false
  try {
    createPublicKey({ key: Buffer.from(text, 'base64'), format: 'der', type: 'spki' })
    return true
  } catch {
    return false
  }
}

// --- public keys ---

function readPem(text: string): TokenKey {
  // An environment variable often holds the line breaks as `\n`.
  const pem = text.includes('\n') ? text : text.replaceAll('\\n', '\n')
  if (pem.includes('PRIVATE KEY-----')) throw new Error(privateKeyIsTooMuch)
  if (pem.includes('-----BEGIN CERTIFICATE-----')) return publicKey(new X509Certificate(pem).publicKey)
  if (pem.split('-----BEGIN').length > 2)
    throw new Error('holds more than one key; for that, write a JWK Set')
  return publicKey(createPublicKey(pem))
}

const privateKeyIsTooMuch =
  'is a private key; to verify tokens takes only the public one: openssl pkey -in KEY -pubout'

function publicKey(key: KeyObject): TokenKey {
  return { kind: 'public', key, fits: algorithmsOf(key) }
}

function algorithmsOf(key: KeyObject): readonly TokenAlgorithm[] {
  const { modulusLength = 0, namedCurve = '' } = key.asymmetricKeyDetails ?? {}
  if (key.asymmetricKeyType === 'rsa') {
    if (modulusLength < 2048)
      throw new Error(`is a key too short: RSA of ${modulusLength} bits; 2048 are needed`)
    return rsa
  }
  const algorithm = key.asymmetricKeyType === 'ed25519' ? 'EdDSA' : algorithmOfCurve.get(namedCurve)
  if (algorithm === undefined)
    throw new Error(`is a key for no known algorithm (${key.asymmetricKeyType} ${namedCurve})`)
  return [algorithm]
}

const algorithmOfCurve: ReadonlyMap<string, TokenAlgorithm> = new Map([
  ['prime256v1', 'ES256'],
  ['secp384r1', 'ES384'],
  ['secp521r1', 'ES512'],
])

// --- JWK ---

interface Jwk extends JsonWebKey {
  alg?: unknown
  use?: unknown
  keys?: unknown
}

function readJson(text: string): TokenKey {
  let jwk: Jwk
  try {
    jwk = JSON.parse(text) as Jwk
  } catch {
    throw new Error('begins like a JWK, but is not JSON')
  }
  return Array.isArray(jwk.keys) ? readJwkSet(jwk.keys as Jwk[]) : readJwk(jwk)
}

function readJwk(jwk: Jwk): TokenKey {
  if (jwk.use !== undefined && jwk.use !== 'sig') throw new Error('is a JWK that is not for signatures')
  if (jwk.kty === 'oct') return onlyItsAlgorithm(readSecret(Buffer.from(jwk.k ?? '', 'base64url')), jwk)
  if (jwk.d !== undefined) throw new Error(privateKeyIsTooMuch)
  return onlyItsAlgorithm(publicKey(createPublicKey({ key: jwk, format: 'jwk' })), jwk)
}

function onlyItsAlgorithm(key: TokenKey, { alg }: Jwk): TokenKey {
  if (alg === undefined) return key
  const fits = key.fits.filter((algorithm) => algorithm === alg)
  if (fits.length === 0) throw new Error('is a JWK whose "alg" does not fit it')
  return { ...key, fits }
}

/** Keys of unknown kinds are passed over (RFC 7517 §5), so that a set can be ahead of us. */
function readJwkSet(keys: Jwk[]): TokenKey {
  const fits = new Set<TokenAlgorithm>()
  const usable: Jwk[] = []
  for (const jwk of keys) {
    if (jwk.kty === 'oct') throw new Error('is a JWK Set with a secret in it; a secret stands alone')
    if (jwk.d !== undefined) throw new Error(privateKeyIsTooMuch)
    if (!['RSA', 'EC', 'OKP'].includes(String(jwk.kty)) || (jwk.use ?? 'sig') !== 'sig') continue
    for (const algorithm of readJwk(jwk).fits) fits.add(algorithm)
    usable.push(jwk)
  }
  if (usable.length === 0) throw new Error('is a JWK Set without a key for signatures')
  return { kind: 'set', keys: usable, fits: [...fits] }
}
