import { resolve } from 'node:path'
import type { PolicyOptions } from '../../config/policy-schemas.ts'
import type { ErrorCode } from '../../errors.ts'
import type { Facts } from '../facts.ts'
import type { PolicyContext } from './context.ts'
import { type Answer, deny, type HeaderEntry, type Policy, type Verdict } from './policy.ts'
import { findTokens, marker, offerOf, protocolField, removeSubprotocolToken } from './presented-token.ts'
import { followRevokedIds } from './revoked-ids.ts'
import { createTokenVerifier, type Verified } from './token-verifier.ts'

type Options = PolicyOptions<'jwt'>

/**
 * Asks for a signed token in `Authorization: Bearer`, in a cookie, or among the subprotocols of a WebSocket.
 *
 * Who presents several tokens must be right with each, and be one user: the upstream reads one of them, and
 * nobody here knows which. Authorization and cookie go on to the upstream, which may look for itself; a token
 * among the subprotocols does not, since upstreams answer with what they are offered.
 *
 * A tunnel or an event stream outlasts the token that opened it, whose time is that to open one. It ends when that token
 * is revoked.
 */
export function jwt(options: Options, context: PolicyContext): Policy {
  const isSatisfied = compileRequirements(options.require, context.paramNames)
  const verify = createTokenVerifier(options, context)
  const isRevoked = options.revoked === undefined ? undefined : compileRevocation(options.revoked, context)
  const login = options.login === undefined ? undefined : readLogin(options.login)
  const places = { cookie: options.cookie, subprotocol: options.subprotocol }

  function refuse(facts: Facts, code: ErrorCode, reason: string): Verdict {
    // An observed route is never answered in another's place.
    if (login && options.mode === 'enforce' && isBrowserPage(facts) && tokenCodes.has(code))
      return redirectToLogin(login, facts, reason) ?? deny(code, reason, challenges[code])
    return deny(code, reason, challenges[code])
  }

  function settle(facts: Facts, outcomes: readonly Verified[]): Verdict {
    const [first] = outcomes
    if (first === undefined) return refuse(facts, 'token_required', 'no token')
    for (const outcome of outcomes) {
      if (outcome.verdict === 'deny') return refuse(facts, outcome.code, outcome.reason)
      if (first.verdict === 'pass' && outcome.user !== first.user)
        return refuse(facts, 'token_invalid', 'tokens of two users')
      // Asked anew each time: a token that was verified before may have been taken back since.
      if (isRevoked?.(outcome.claims ?? {})) return refuse(facts, 'token_invalid', 'revoked')
      const missed = isSatisfied(outcome.claims ?? {}, facts.params)
      if (missed !== undefined) return refuse(facts, 'claim_denied', missed)
    }
    if (options.subprotocol && offerOf(facts) === 'token alone')
      return { ...first, responseHeaders: selected }
    return first
  }

  const policy: Policy = {
    name: 'jwt',
    mode: options.mode,
    decide: function jwt(facts) {
      const tokens = findTokens(facts, places)
      if ('problem' in tokens) return refuse(facts, 'token_invalid', tokens.problem)
      const outcomes = tokens.map((token) => verify(token, facts.rehearsal === true))
      return isSettled(outcomes)
        ? settle(facts, outcomes)
        : Promise.all(outcomes).then((all) => settle(facts, all))
    },
  }
  if (isRevoked) policy.stillHolds = ({ claims }) => claims === undefined || !isRevoked(claims)
  if (options.subprotocol) {
    policy.editRequest = (facts, headers) => {
      if (offerOf(facts) !== 'no token') removeSubprotocolToken(headers)
    }
    policy.editResponse = (facts, head) => {
      if (
        head.status === 101 &&
        head.headers[protocolField] === undefined &&
        offerOf(facts) === 'token and others'
      )
        head.headers[protocolField] = marker
    }
  }
  return policy
}

/**
 * A browser that offered protocols gives up a handshake that selects none of them (WHATWG WebSockets, "establish a
 * WebSocket connection"), so we select the marker. If nothing but the token was offered that is certain from the
 * start; if more was, only the upstream's answer tells.
 */
const selected: readonly HeaderEntry[] = [[protocolField, marker]]

function isSettled(outcomes: readonly (Verified | Promise<Verified>)[]): outcomes is readonly Verified[] {
  return outcomes.every((outcome) => !(outcome instanceof Promise))
}

// --- claims ---

type Requirements = (claims: Readonly<Record<string, unknown>>, params: Facts['params']) => string | undefined

/**
 * Compares claims with fixed values, or with parameters of the path (`":key"`). A claim that is a list holds if
 * one of its elements does. Answers what is missed, or undefined.
 */
function compileRequirements(require: Options['require'], paramNames: readonly string[]): Requirements {
  const entries = Object.entries(require).map(([claim, value]) => {
    const param = typeof value === 'string' && value.startsWith(':') ? value.slice(1) : undefined
    if (param !== undefined && !paramNames.includes(param))
      throw new Error(`require.${claim}: the path of this route has no ":${param}"`)
    return { claim, value, param }
  })
  return function missed(claims, params) {
    for (const { claim, value, param } of entries) {
      const expected = param === undefined ? value : params[param]
      const said = Object.hasOwn(claims, claim) ? [claims[claim]].flat() : []
      const holds =
        expected !== undefined &&
        said.some(
          (one) =>
            one === expected || (param !== undefined && typeof one === 'number' && `${one}` === expected),
        )
      if (!holds) return `claim "${claim}" is not ${JSON.stringify(expected)}`
    }
    return undefined
  }
}

// --- revocation ---

/** A token is kept out by its own id, or with all others of its session. */
function compileRevocation(file: string, { folder, onBackgroundError }: PolicyContext) {
  const revoked = followRevokedIds(resolve(folder, file), onBackgroundError)
  return ({ jti, sid }: Readonly<Record<string, unknown>>): boolean =>
    [jti, sid].some((id) => typeof id === 'string' && revoked().has(id))
}

// --- refusals ---

/** RFC 6750 §3: no error code where no token was sent. */
const challenges: { readonly [Code in ErrorCode]?: readonly HeaderEntry[] } = {
  token_required: [['www-authenticate', 'Bearer']],
  token_invalid: [['www-authenticate', 'Bearer error="invalid_token"']],
  token_expired: [['www-authenticate', 'Bearer error="invalid_token", error_description="expired"']],
  claim_denied: [['www-authenticate', 'Bearer error="insufficient_scope"']],
}

/** To sign in again helps with these, and with no other. */
const tokenCodes: ReadonlySet<ErrorCode> = new Set(['token_required', 'token_invalid', 'token_expired'])

function isBrowserPage(facts: Facts): boolean {
  if (facts.upgrade || facts.method !== 'GET') return false
  return facts.headers.all('accept').some((accept) => /(^|[\s,])text\/html/i.test(accept))
}

interface Login {
  /** With `next=` at its end. */
  readonly before: string
  readonly path: string | undefined
}

function readLogin(login: string): Login {
  const isPath = /^\/(?![/\\])/.test(login)
  const path = isPath ? login.split('?', 1)[0] : undefined
  return { before: `${login}${login.includes('?') ? '&' : '?'}next=`, path }
}

/** Longer queries are left behind, so that the address stays one that every browser takes. */
const longestReturn = 2000

/**
 * `next` is a path of this site and nothing else: an address in it would make the login page a springboard to
 * any site (open redirect). Answers undefined on the login page itself, which would send browsers in a circle.
 */
function redirectToLogin(login: Login, facts: Facts, reason: string): Answer | undefined {
  if (facts.path === login.path) return undefined
  const path = `/${facts.path.replace(/^[/\\]+/, '')}`
  const whole = path + facts.query
  const next = encodeURIComponent(whole.length > longestReturn ? path : whole)
  return {
    verdict: 'answer',
    status: 302,
    reason: `${reason}; sent to sign in`,
    headers: [
      ['location', login.before + next],
      ['cache-control', 'no-store'],
    ],
  }
}
