import { policySchemas } from '../config/policy-schemas.ts'
import { registrationAudience, registrationFiles } from '../config/registration-files.ts'
import { createTokenVerifier, type VerifyToken } from '../request/policies/token-verifier.ts'

/** Who holds a token that is good. */
export interface Holder {
  /** The token's id, by which it can be revoked. */
  readonly id: string
  /** The upstreams that it may fill. */
  readonly upstreams: readonly string[]
}

export interface TokenRefusal {
  readonly status: 401 | 503
  readonly code: 'token_required' | 'token_invalid' | 'token_expired' | 'key_unavailable'
  readonly detail: string
}

export interface TokenGateSettings {
  /** Of routes.yaml. */
  readonly folder: string
  /** Whether the token of this id holds no longer. */
  isRevoked(id: string): boolean
  onTrouble(sentence: string): void
}

/** Judges the Authorization field of a registration. A token that was good is remembered, and costs no signature. */
export function createTokenGate({ folder, isRevoked, onTrouble }: TokenGateSettings) {
  let verify: VerifyToken | undefined

  return async function judge(authorization: string | undefined): Promise<Holder | TokenRefusal> {
    const token = /^Bearer +([A-Za-z0-9_.~+/=-]+)$/i.exec(authorization ?? '')?.[1]
    if (token === undefined) return refusal('token_required', `Send a token: ${howToMake}.`)
    try {
      verify ??= createVerifier(folder, onTrouble)
    } catch (error) {
      onTrouble((error as Error).message)
      return refusal(
        'key_unavailable',
        `There is no ${registrationFiles.key} to check it with; ${howToMake}.`,
      )
    }
    const verified = verify(token, false)
    const outcome = verified instanceof Promise ? await verified : verified
    if (outcome.verdict === 'deny')
      return refusal(outcome.code, `The token does not hold: ${outcome.reason}.`)
    const { jti, upstreams } = outcome.claims ?? {}
    if (typeof jti !== 'string' || !isNames(upstreams))
      return refusal('token_invalid', 'The token names no upstreams.')
    if (isRevoked(jti)) return refusal('token_invalid', `The token ${jti} was revoked.`)
    return { id: jti, upstreams }
  }
}

// --- internal ---

const howToMake = '`gatehouse token --upstream NAME` makes one'

function createVerifier(folder: string, onBackgroundError: (message: string) => void): VerifyToken {
  const options = policySchemas.jwt.parse({
    key: registrationFiles.key,
    audience: registrationAudience,
    algorithms: ['HS256'],
  })
  return createTokenVerifier(options, { folder, env: {}, onBackgroundError })
}

function isNames(value: unknown): value is string[] {
  return Array.isArray(value) && value.every((name) => typeof name === 'string')
}

function refusal(code: TokenRefusal['code'], detail: string): TokenRefusal {
  return { status: code === 'key_unavailable' ? 503 : 401, code, detail }
}
