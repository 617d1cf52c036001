import type { IncomingMessage } from 'node:http'
import { type Accounts, openAccounts } from './accounts.ts'
import { createAttempts } from './attempts.ts'
import {
  commandMark,
  commandUser,
  type SessionClaims,
  sessionLife,
  signSession,
  verifySession,
} from './session-token.ts'

/** Whose session a request has. */
export interface Visitor {
  readonly user: string
  /** Whether it still holds: not at its end, and the user and the password are as they were. */
  isWelcome(): boolean
}

export type SignedIn =
  | { readonly cookie: string; readonly user: string }
  | { readonly status: 401 | 429 | 503; readonly sentence: string; readonly retryAfter?: number }

/** Who may look. */
export interface Gate {
  signIn(user: string, password: string): Promise<SignedIn>
  /** The Set-Cookie field that ends a session. */
  readonly signOut: string
  visitorOf(request: IncomingMessage): Visitor | undefined
}

const cookieName = 'gatehouse_session'
/**
 * Cookies know no port: one of localhost goes to whatever else is served there, the proxy's own listeners and so its
 * upstreams included. The path keeps it here. It is not `Secure`, because this listener speaks plain HTTP to loopback.
 */
const attributes = 'Path=/dashboard; HttpOnly; SameSite=Strict'

export function createGate(folder: string, onTrouble: (sentence: string) => void): Gate {
  const accounts: Accounts = openAccounts(folder, onTrouble)
  const attempts = createAttempts()

  function visitor(verify: () => SessionClaims | undefined): Visitor | undefined {
    const claims = verify()
    return claims && { user: claims.user, isWelcome: () => verify() !== undefined }
  }

  return {
    async signIn(user, password) {
      const { trouble } = accounts
      if (trouble !== undefined) return { status: 503, sentence: trouble }
      const retryAfter = attempts.take()
      if (retryAfter > 0) {
        const sentence = `Too many attempts. Try again in ${retryAfter} seconds.`
        return { status: 429, sentence, retryAfter }
      }
      const known = await accounts.check(user, password)
      const mark = known === undefined ? undefined : accounts.markOf(known)
      if (known === undefined || mark === undefined)
        return { status: 401, sentence: 'The name or the password is not right.' }
      attempts.succeeded()
      const seconds = Math.floor(sessionLife / 1000)
      const ends = Math.floor(Date.now() / 1000) + seconds
      const token = signSession({ user: known, ends }, accounts.key(), mark)
      return { user: known, cookie: `${cookieName}=${token}; Max-Age=${seconds}; ${attributes}` }
    },
    signOut: `${cookieName}=; Max-Age=0; ${attributes}`,
    visitorOf({ headers }) {
      const bearer = /^Bearer +(\S+)$/i.exec(headers.authorization ?? '')?.[1]
      if (bearer !== undefined) {
        const markOf = (user: string) => (user === commandUser ? commandMark : undefined)
        const claims = verifySession(bearer, accounts.key(), markOf)
        // It holds for the moment of the call; the stream that it opens may last.
        return claims && { user: claims.user, isWelcome: () => true }
      }
      for (const token of cookiesOf(headers.cookie ?? '')) {
        const found = visitor(() => verifySession(token, accounts.key(), accounts.markOf))
        if (found) return found
      }
      return undefined
    },
  }
}

/**
 * Whether a page of another origin made the browser send this. Another port of this machine is the same site, so
 * SameSite alone would let a page of any local server act here; Sec-Fetch-Site and Origin tell them apart. A program that is
 * no browser sends neither, and has no cookie to be robbed of.
 */
export function isForeign({ headers }: IncomingMessage): boolean {
  const site = headers['sec-fetch-site']
  if (site !== undefined && site !== 'same-origin' && site !== 'none') return true
  const { origin, host } = headers
  if (origin === undefined) return false
  return !URL.canParse(origin) || new URL(origin).host !== host
}

// --- internal ---

function cookiesOf(field: string): string[] {
  return field.split(';').flatMap((pair) => {
    const [name = '', value = ''] = pair.trim().split('=', 2)
    return name === cookieName ? [value] : []
  })
}
