import type { KeyObject } from 'node:crypto'
import {
  createLocalJWKSet,
  createRemoteJWKSet,
  customFetch,
  type JWTPayload,
  type JWTVerifyGetKey,
  type JWTVerifyOptions,
  errors as joseErrors,
  jwtVerify,
  SignJWT,
} from 'jose'
import type { TokenKey } from './token-key.ts'

/** What jose verifies a token with. */
export type EngineKey = Parameters<typeof jwtVerify>[1] | JWTVerifyGetKey

export interface TokenChecks {
  algorithms: readonly string[]
  issuer?: string
  audience?: string
  /** Seconds. */
  clockTolerance: number
}

export type TokenOutcome =
  | { ok: true; claims: JWTPayload & { exp: number } }
  | { ok: false; code: 'token_invalid' | 'token_expired' | 'key_unavailable'; reason: string }

export function engineKeyOf(key: TokenKey): EngineKey {
  return key.kind === 'set' ? createLocalJWKSet({ keys: key.keys as never }) : key.key
}

/**
 * Verifies a compact JWS: signature, algorithm, issuer, audience, `nbf`, `exp`. A token without `exp` is refused,
 * because it could never be taken back. Never throws; the reason holds nothing that the token says.
 */
export async function verifyToken(token: string, key: EngineKey, checks: TokenChecks): Promise<TokenOutcome> {
  const options: JWTVerifyOptions = {
    algorithms: [...checks.algorithms],
    issuer: checks.issuer,
    audience: checks.audience,
    clockTolerance: checks.clockTolerance,
    requiredClaims: ['exp'],
  }
  try {
    const { payload } = await verifyWithAny(token, key, options)
    return { ok: true, claims: payload as JWTPayload & { exp: number } }
  } catch (error) {
    const reason = (error as Error).message
    if (error instanceof joseErrors.JWTExpired) return { ok: false, code: 'token_expired', reason: 'expired' }
    if (error instanceof KeysAway) return { ok: false, code: 'key_unavailable', reason }
    return { ok: false, code: 'token_invalid', reason }
  }
}

/** Makes a compact JWS by HMAC-SHA-256 of a secret. */
export function signToken(claims: JWTPayload & { exp: number }, key: KeyObject): Promise<string> {
  return new SignJWT(claims).setProtectedHeader({ alg: 'HS256', typ: 'JWT' }).sign(key)
}

/** A token that names no key may belong to any of the set: each that fits is tried, up to a handful. */
async function verifyWithAny(token: string, key: EngineKey, options: JWTVerifyOptions) {
  try {
    return await jwtVerify(token, key as JWTVerifyGetKey, options)
  } catch (error) {
    if (!(error instanceof joseErrors.JWKSMultipleMatchingKeys)) throw error
    let left = 8
    for await (const candidate of error) {
      if (left-- === 0) break
      try {
        return await jwtVerify(token, candidate, options)
      } catch (failure) {
        if (!(failure instanceof joseErrors.JWSSignatureVerificationFailed)) throw failure
      }
    }
    throw new joseErrors.JWSSignatureVerificationFailed()
  }
}

// --- fetched keys ---

export interface FetchedKeys {
  readonly key: EngineKey
  /** Whether keys are there and younger than ten minutes. */
  isFresh(): boolean
  /** Fetches anew without anybody waiting. Failures have been told to `onFailed`. */
  refresh(): void
}

export interface FetchHooks {
  onChanged(): void
  onFailed(message: string): void
}

class KeysAway extends Error {}

/** Milliseconds. */
const fetchTimeout = 3000
/** A token with an unknown `kid` may have the set fetched again this often and no more. */
const betweenFetches = 30_000
const freshFor = 600_000
/** After a failure nobody waits for another try until this has passed. */
const pauseAfterFailure = 5000
const largestSet = 512 * 1024

/** Keys of a JWK Set at an address: fetched when first needed, kept, and fetched again as they age or rotate. */
export function fetchKeys(url: URL, hooks: FetchHooks): FetchedKeys {
  let lastText: string | undefined
  let failure: { at: number; why: string } | undefined
  const remote = createRemoteJWKSet(url, {
    timeoutDuration: fetchTimeout,
    cooldownDuration: betweenFetches,
    cacheMaxAge: freshFor,
    [customFetch]: async (href, init) => {
      if (failure && performance.now() - failure.at < pauseAfterFailure) throw new KeysAway(failure.why)
      try {
        const text = await fetchSet(href, init)
        if (lastText !== undefined && text !== lastText) hooks.onChanged()
        lastText = text
        return new Response(text)
      } catch (error) {
        const { message, cause } = error as Error
        const why = `${href} gave no keys: ${cause instanceof Error ? cause.message : message}`
        failure = { at: performance.now(), why }
        hooks.onFailed(why)
        throw new KeysAway(why)
      }
    },
  })
  const key: JWTVerifyGetKey = async (header, token) => {
    try {
      return await remote(header, token)
    } catch (error) {
      if (error instanceof KeysAway || aboutTheToken.some((kind) => error instanceof kind)) throw error
      throw new KeysAway(`${url.href}: ${(error as Error).message}`)
    }
  }
  return {
    key,
    isFresh: () => remote.fresh,
    refresh: () => {
      if (!remote.reloading) remote.reload().catch(() => {})
    },
  }
}

const aboutTheToken = [
  joseErrors.JWKSNoMatchingKey,
  joseErrors.JWKSMultipleMatchingKeys,
  joseErrors.JOSENotSupported,
] as const

async function fetchSet(href: string, init: RequestInit): Promise<string> {
  const response = await fetch(href, init)
  if (response.status !== 200) {
    await response.body?.cancel()
    throw new Error(`status ${response.status}`)
  }
  let text = ''
  const decoder = new TextDecoder()
  for await (const chunk of response.body ?? []) {
    text += decoder.decode(chunk, { stream: true })
    if (text.length > largestSet) throw new Error('more than 512KB')
  }
  const { keys } = JSON.parse(text) as { keys?: unknown }
  if (!Array.isArray(keys)) throw new Error('not a JWK Set')
  return text
}
