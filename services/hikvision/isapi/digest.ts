import { createHash, randomBytes } from 'node:crypto'
import { type Challenge, parseChallenges } from './challenge.ts'

export interface Login {
  readonly user: string
  readonly password: string
}

/** What a device asks for, chosen from what it offers; it remembers how often a nonce was used. */
export interface Proof {
  /** The Authorization field for one request. The path is signed with its query. */
  for(method: string, path: string): string
}

const hashes: Readonly<Record<string, string>> = {
  'SHA-256': 'sha256',
  'SHA-256-SESS': 'sha256',
  'SHA-512-256': 'sha512-256',
  MD5: 'md5',
  'MD5-SESS': 'md5',
}
const strength = ['SHA-512-256', 'SHA-256', 'SHA-256-SESS', 'MD5', 'MD5-SESS']

/**
 * Digest authentication as a client (RFC 7616, and RFC 2617 for devices that name neither algorithm nor qop). Basic only
 * where a device offers nothing else. Undefined if nothing that it offers is known.
 */
export function proofFor(fields: readonly string[], login: Login, cnonce = newCnonce): Proof | undefined {
  const challenges = parseChallenges(fields)
  const digests = challenges.filter(
    ({ scheme, parameters }) => scheme === 'digest' && algorithmOf(parameters) in hashes,
  )
  const [best] = digests.sort((a, b) => rank(a) - rank(b))
  if (best) return digestProof(best.parameters, login, cnonce)
  if (digests.length === 0 && challenges.some(({ scheme }) => scheme === 'digest')) return undefined
  return challenges.some(({ scheme }) => scheme === 'basic') ? basicProof(login) : undefined
}

/** Whether the device says that only the nonce was too old. */
export function isStale(fields: readonly string[]): boolean {
  return parseChallenges(fields).some(({ parameters }) => parameters.stale?.toLowerCase() === 'true')
}

// --- internal ---

const newCnonce = () => randomBytes(8).toString('hex')

function algorithmOf({ algorithm }: Challenge['parameters']): string {
  return (algorithm || 'MD5').toUpperCase()
}

function rank({ parameters }: Challenge): number {
  return strength.indexOf(algorithmOf(parameters))
}

function basicProof({ user, password }: Login): Proof {
  const value = `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`
  return { for: () => value }
}

function digestProof(
  parameters: Challenge['parameters'],
  { user, password }: Login,
  cnonceOf: () => string,
): Proof {
  const { realm = '', nonce = '', opaque, qop: offered } = parameters
  const algorithm = algorithmOf(parameters)
  const hash = (text: string) =>
    createHash(hashes[algorithm] ?? 'md5')
      .update(text)
      .digest('hex')
  const qop =
    offered === undefined ? undefined : /(?:^|[\s,])auth(?:[\s,]|$)/i.test(offered) ? 'auth' : undefined
  const secret = hash(`${user}:${realm}:${password}`)
  let count = 0
  return {
    for(method, path) {
      count += 1
      const nc = count.toString(16).padStart(8, '0')
      const cnonce = cnonceOf()
      const ha1 = algorithm.endsWith('-SESS') ? hash(`${secret}:${nonce}:${cnonce}`) : secret
      const ha2 = hash(`${method}:${path}`)
      const middle = qop === undefined ? nonce : `${nonce}:${nc}:${cnonce}:${qop}`
      const said = [
        `username="${quotable(user)}"`,
        `realm="${quotable(realm)}"`,
        `nonce="${quotable(nonce)}"`,
        `uri="${path}"`,
        `response="${hash(`${ha1}:${middle}:${ha2}`)}"`,
      ]
      // A device that did not name the algorithm may not know the parameter.
      if (parameters.algorithm) said.push(`algorithm=${parameters.algorithm}`)
      if (opaque !== undefined) said.push(`opaque="${quotable(opaque)}"`)
      if (qop !== undefined) said.push(`qop=${qop}`, `nc=${nc}`)
      if (qop !== undefined || algorithm.endsWith('-SESS')) said.push(`cnonce="${cnonce}"`)
      return `Digest ${said.join(', ')}`
    },
  }
}

function quotable(text: string): string {
  return text.replace(/[\\"]/g, '\\$&')
}
