import { createSecretKey } from 'node:crypto'
import { jwtVerify, SignJWT } from 'jose'
import { Problem } from '../shared/problem.ts'

export interface Tokens {
  /** A token by which a user is known for one hour. */
  sign(user: string): Promise<string>
  /** Whose token an Authorization field holds. Rejects with a 401 where it holds none that is valid. */
  userOf(authorization: string | undefined): Promise<string>
}

/**
 * Signs and verifies with HMAC-SHA-256 (`HS256`). The algorithm is ours to say, never the token's: one that says `none`,
 * or another, is refused unread.
 */
export function createTokens(secret: string): Tokens {
  const key = createSecretKey(Buffer.from(secret))
  return {
    sign: (user) =>
      new SignJWT()
        .setProtectedHeader({ alg, typ: 'JWT' })
        .setIssuer(issuer)
        .setSubject(user)
        .setIssuedAt()
        .setExpirationTime('1h')
        .sign(key),
    async userOf(authorization) {
      const token = /^Bearer +(\S+)$/i.exec(authorization ?? '')?.[1]
      if (token === undefined)
        throw refusal('Sign in first: this takes a token in Authorization: Bearer', 'Bearer')
      try {
        const required = { algorithms: [alg], issuer, requiredClaims: ['exp', 'sub'] }
        const { payload } = await jwtVerify(token, key, required)
        return String(payload.sub)
      } catch {
        throw refusal(
          'The token is not valid, or not any more: sign in again',
          'Bearer error="invalid_token"',
        )
      }
    },
  }
}

// --- internal ---

const alg = 'HS256'
/** Other services may be given the same key; a token of theirs is none of ours. */
const issuer = 'visits'

function refusal(title: string, challenge: string): Problem {
  return new Problem(401, title, { headers: { 'WWW-Authenticate': challenge } })
}
