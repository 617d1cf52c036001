import { createHash, createHmac, randomBytes, timingSafeEqual } from 'node:crypto'
import { parseChallenge } from '../isapi/challenge.ts'

/** How devices prove who they are: the name and password that stand in their own settings for the listening host. */
export interface SenderCredentials {
  readonly user: string
  readonly password: string
  readonly scheme: 'basic' | 'digest' | 'either'
  /** Default: Gatehouse. */
  readonly realm?: string
  /** Offered in this order. Default: SHA-256, then MD5. */
  readonly algorithms?: readonly (keyof typeof hashes)[]
}

/** Answers undefined for whoever knows the password, or else the challenges to send with a 401. */
export type CheckCredentials = (
  method: string,
  target: string,
  authorization: string | undefined,
) => string[] | undefined

/** Milliseconds that a nonce is good for. */
const nonceLife = 5 * 60_000
const mostNonces = 10_000
const hashes = { MD5: 'md5', 'SHA-256': 'sha256' } as const

/**
 * Basic (RFC 7617), and Digest (RFC 7616) with MD5, which is all that devices know, and SHA-256. A nonce is signed by
 * us, and each of its counts is taken once, so that what was overheard cannot be sent again.
 */
export function credentialsCheck(credentials: SenderCredentials): CheckCredentials {
  const { user, password, scheme, realm = 'Gatehouse', algorithms = ['SHA-256', 'MD5'] } = credentials
  const key = randomBytes(32)
  const used = new Map<string, number>()
  const basic = Buffer.from(`${user}:${password}`).toString('base64')

  const sign = (time: string) => createHmac('sha256', key).update(time).digest('base64url').slice(0, 22)

  function newNonce(): string {
    const time = Date.now().toString(36)
    return `${time}.${sign(time)}.${randomBytes(6).toString('base64url')}`
  }

  function challenges(): string[] {
    const digest = algorithms.map(
      (algorithm) => `Digest realm="${realm}", qop="auth", algorithm=${algorithm}, nonce="${newNonce()}"`,
    )
    const plain = `Basic realm="${realm}"`
    return scheme === 'basic' ? [plain] : scheme === 'digest' ? digest : [...digest, plain]
  }

  function isFresh(nonce: string, count: string): boolean {
    const [time = '', signature = ''] = nonce.split('.')
    if (!isSame(signature, sign(time))) return false
    if (Date.now() - Number.parseInt(time, 36) > nonceLife) return false
    const number = Number.parseInt(count, 16)
    if (!(number > (used.get(nonce) ?? 0))) return false
    used.delete(nonce)
    used.set(nonce, number)
    for (const oldest of used.keys()) {
      if (used.size <= mostNonces) break
      used.delete(oldest)
    }
    return true
  }

  function isRightDigest(method: string, target: string, said: Readonly<Record<string, string>>): boolean {
    const { username = '', nonce = '', nc = '', cnonce = '', qop = '', uri = '', response = '' } = said
    const name = (said.algorithm ?? 'MD5').toUpperCase() as keyof typeof hashes
    // The address that was signed is the one that was asked for, or another request could wear this one's proof.
    if (
      !Object.hasOwn(hashes, name) ||
      qop !== 'auth' ||
      !/^[0-9a-f]{8}$/i.test(nc) ||
      !isSameTarget(uri, target)
    )
      return false
    const hash = (text: string) => createHash(hashes[name]).update(text).digest('hex')
    const secret = hash(`${user}:${realm}:${password}`)
    const expected = hash(`${secret}:${nonce}:${nc}:${cnonce}:${qop}:${hash(`${method}:${uri}`)}`)
    return isSame(username, user) && isSame(response.toLowerCase(), expected) && isFresh(nonce, nc)
  }

  return (method, target, authorization = '') => {
    if (scheme !== 'digest' && /^basic /i.test(authorization) && isSame(authorization.slice(6).trim(), basic))
      return undefined
    if (scheme !== 'basic' && /^digest /i.test(authorization)) {
      const said = parseChallenge(authorization)?.parameters ?? {}
      if (isRightDigest(method, target, said)) return undefined
    }
    return challenges()
  }
}

// --- internal ---

/** A device signs the path as it is configured; the proxy hands it on in canonical form. Some sign the whole URL. */
function isSameTarget(signed: string, target: string): boolean {
  const path = (text: string) => {
    try {
      const { pathname, search } = new URL(text, 'http://device')
      return decodeURI(pathname) + search
    } catch {
      return text
    }
  }
  return path(signed) === path(target)
}

/** In a time that says nothing about where they differ. */
export function isSame(one: string, other: string): boolean {
  const [a, b] = [one, other].map((text) => createHash('sha256').update(text).digest()) as [Buffer, Buffer]
  return timingSafeEqual(a, b)
}
