import { hash } from 'node:crypto'
import { resolve } from 'node:path'
import type { PolicyOptions } from '../../config/policy-schemas.ts'
import type { PolicyContext } from './context.ts'
import { followFile } from './followed-file.ts'
import type { Pass } from './policy.ts'
import { type EngineKey, engineKeyOf, type FetchedKeys, fetchKeys, verifyToken } from './token-engine.ts'
import { chooseAlgorithms, publicKeyAlgorithms, readTokenKey, type TokenAlgorithm } from './token-key.ts'
import { createVerifiedCache, type VerifiedCache } from './verified-cache.ts'

/** What became of a token: the verdict of a route that requires nothing further. */
export type Verified =
  | Pass
  | { verdict: 'deny'; code: 'token_invalid' | 'token_expired' | 'key_unavailable'; reason: string }

/** Synchronous for a token that was verified before. */
export type VerifyToken = (token: string, rehearsal: boolean) => Verified | Promise<Verified>

/** The part of a policy's context that keys are read by. */
export type VerifierContext = Pick<PolicyContext, 'folder' | 'env' | 'onBackgroundError'>

/**
 * Verifies tokens with the key of a route and remembers them, by digest, until they expire or the key changes:
 * a signature costs a hundred microseconds, a digest two.
 */
export function createTokenVerifier(options: PolicyOptions<'jwt'>, context: VerifierContext): VerifyToken {
  const keys =
    options.jwks === undefined ? ownKeys(options, context) : fetchedKeys(options, options.jwks, context)
  const checks = {
    issuer: options.issuer,
    audience: options.audience,
    clockTolerance: options.clockTolerance / 1000,
  }
  return function verify(token, rehearsal) {
    const { key, algorithms, verified, fetched } = keys()
    const digest = hash('sha256', token, 'base64')
    const known = verified.get(digest)
    if (fetched && !fetched.isFresh()) {
      // Keys that were withdrawn are found out even while every token is known.
      if (known && !rehearsal) fetched.refresh()
      if (!known && rehearsal) return refused('key_unavailable', 'keys are not fetched in a rehearsal')
    }
    if (known !== undefined) return known
    return verifyToken(token, key, { ...checks, algorithms }).then((outcome): Verified => {
      if (!outcome.ok) return refused(outcome.code, outcome.reason)
      const { sub, exp } = outcome.claims
      if (sub !== undefined && !isUser(sub)) return refused('token_invalid', 'a "sub" that is no name')
      const pass: Pass = { verdict: 'pass', user: sub, claims: Object.freeze(outcome.claims) }
      verified.set(digest, pass, exp * 1000 + options.clockTolerance)
      return pass
    })
  }
}

/** One version of the keys, with the tokens that were verified with it. */
interface Keys {
  readonly key: EngineKey
  readonly algorithms: readonly TokenAlgorithm[]
  readonly verified: VerifiedCache<Pass>
  readonly fetched?: FetchedKeys
}

const mostTokens = 10_000

function ownKeys(options: PolicyOptions<'jwt'>, context: VerifierContext): () => Keys {
  const place = options.key ?? ''
  const parse = (content: Buffer): Keys => {
    const key = readTokenKey(content, place)
    const algorithms = chooseAlgorithms(key.fits, options.algorithms)
    return { key: engineKeyOf(key), algorithms, verified: createVerifiedCache(mostTokens) }
  }
  if (!place.startsWith('env:'))
    return followFile(resolve(context.folder, place), { parse, onBroken: context.onBackgroundError })
  const value = context.env[place.slice('env:'.length)]
  if (!value) throw new Error(`${place}: there is no such environment variable, or it is empty`)
  const keys = parse(Buffer.from(value))
  return () => keys
}

function fetchedKeys(options: PolicyOptions<'jwt'>, url: string, context: VerifierContext): () => Keys {
  const algorithms = chooseAlgorithms(publicKeyAlgorithms, options.algorithms)
  const fetched = fetchKeys(new URL(url), {
    onChanged: () => {
      keys = { ...keys, verified: createVerifiedCache(mostTokens) }
    },
    onFailed: context.onBackgroundError,
  })
  let keys: Keys = { key: fetched.key, algorithms, verified: createVerifiedCache(mostTokens), fetched }
  return () => keys
}

function refused(code: 'token_invalid' | 'token_expired' | 'key_unavailable', reason: string): Verified {
  return { verdict: 'deny', code, reason }
}

/** A name goes into the log and into a field of the upstream: no line breaks, no halves of characters. */
function isUser(sub: unknown): boolean {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what it looks for
  return typeof sub === 'string' && sub.isWellFormed() && !/[\0-\x1f\x7f-\x9f]/.test(sub)
}
