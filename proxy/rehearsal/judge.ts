import { parseAddress } from '../address.ts'
import { errors, GatehouseError } from '../errors.ts'
import type { Gatehouse } from '../gatehouse.ts'
import type { LoggedExchange } from '../observability/logged-exchange.ts'
import { readFacts } from '../request/accept/facts.ts'
import type { Incoming, Listener } from '../request/accept/incoming.ts'
import type { Facts } from '../request/facts.ts'
import type { Route } from '../request/match/route.ts'
import { askPolicies } from '../request/policies/ask.ts'
import { deny, type Policy, pass } from '../request/policies/policy.ts'
import { judgeUnmatched } from '../request/unmatched.ts'
import type { LogClock } from './replayed-limits.ts'
import { listenersOf } from './sample-request.ts'

/** What a table does with a request that was logged. */
export interface Judgement {
  /** Of a refusal, a redirect or an answer of ours; undefined where it passes to an upstream or a file. */
  readonly status: number | undefined
  readonly route: string | undefined
  /** Where one that passes goes: an upstream, a folder, an address. */
  readonly to?: string
  /** What refuses: a policy, or a code of the catalogue. */
  readonly by: string | undefined
  readonly reason: string | undefined
}

/** Judges logged requests by one table, with the functions that serve it. One at a time. */
export interface Judge {
  judge(logged: LoggedExchange): Promise<Judgement>
  /** How many were judged as their log says because their credentials are not in it. */
  readonly assumed: number
  /** How many came to a limit that counts by something which the log hides, and so were not counted. */
  readonly uncounted: number
  /** How many came to a limit whose window reaches back to before the log begins: some of it may be missing. */
  readonly undercounted: number
}

/**
 * The log hides passwords, tokens and cookies, so policies that need them cannot be asked again: a request that brought
 * some is taken to be judged by them as it was. One that brought none is asked about, because it is refused for that.
 */
export function createJudge({ state, config }: Gatehouse, clock: LogClock): Judge {
  const listeners = new Map(listenersOf(config).map((listener) => [listener.name, listener]))
  let current: LoggedExchange
  let assumed = 0
  let uncounted = 0
  let undercounted = 0
  let begin: number | undefined
  const policies = new Map<Route, readonly Policy[]>()

  const assuming = (policy: Policy): Policy => ({
    ...policy,
    decide(facts) {
      const isHidden = current.shortened === true || facts.headers.raw.includes(hidden)
      if (policy.name !== 'forwardAuth' && !isHidden) return policy.decide?.(facts) ?? pass
      assumed++
      if (current.deny_policy === policy.name)
        return deny('policy_denied', current.deny_reason ?? 'as it was logged')
      // The subject of a token is the one claim that the log tells.
      return policy.name === 'jwt' && current.user_id ? { ...pass, claims: { sub: current.user_id } } : pass
    },
  })
  /** A rehearsal looks at a limit and does not count. Here all that came before is counted, too. */
  const counting = (policy: Policy, { config: { policies } }: Route): Policy => {
    const { by = 'client', per = 0 } = policies.rateLimit ?? {}
    return {
      ...policy,
      decide(facts) {
        if (isHiddenFrom(by, facts, current)) {
          uncounted++
          return pass
        }
        if (clock.now < (begin ?? clock.now) + per) undercounted++
        return policy.decide?.({ ...facts, rehearsal: false }) ?? pass
      },
    }
  }
  const policiesOf = (route: Route): readonly Policy[] => {
    const known = policies.get(route)
    if (known !== undefined) return known
    const made = route.policies.map((policy) => {
      if (policy.name === 'rateLimit') return counting(policy, route)
      return needsCredentials.has(policy.name) ? assuming(policy) : policy
    })
    policies.set(route, made)
    return made
  }

  async function judgeFacts(facts: Facts): Promise<Judgement> {
    const found = state.table.match(facts)
    if (found.found === 'ambiguous') return refusal('path_ambiguous')
    if (found.found === 'nothing') {
      const unmatched = judgeUnmatched(facts, state)
      if (unmatched.kind === 'nothing') return refusal('no_route')
      const status = unmatched.kind === 'redirect' ? unmatched.head.status : undefined
      return { status, route: undefined, by: undefined, reason: undefined }
    }
    const { route } = found
    facts.params = found.params
    const asked = askPolicies(policiesOf(route), facts)
    const decision = asked instanceof Promise ? await asked : asked
    if (decision.outcome === 'deny') {
      // Of an assumed refusal the log knows the status, which the policy alone would have told.
      const status =
        decision.policy === current.deny_policy && decision.code === 'policy_denied'
          ? current.status
          : errors[decision.code].status
      return { status, route: route.name, by: decision.policy, reason: decision.reason }
    }
    if (decision.outcome === 'answer')
      return { status: decision.status, route: route.name, by: decision.policy, reason: decision.reason }
    if (route.destination.kind === 'closed') return { ...refusal('extension_broken'), route: route.name }
    const status = route.destination.kind === 'redirect' ? route.destination.status : undefined
    return { status, route: route.name, to: wayOf(route, facts), by: undefined, reason: undefined }
  }

  return {
    get assumed() {
      return assumed
    },
    get uncounted() {
      return uncounted
    },
    get undercounted() {
      return undercounted
    },
    async judge(logged) {
      current = logged
      begin ??= clock.now
      const listener = listeners.get(logged.entrypoint)
      if (listener === undefined)
        return { ...refusal('no_route'), reason: `no listener ${logged.entrypoint}` }
      const incoming = incomingOf(logged, listener)
      if (incoming === undefined) return refusal('bad_request')
      try {
        // Who the client is was resolved when it was logged: the peer here is the client.
        return await judgeFacts({ ...readFacts(incoming, []), rehearsal: true })
      } catch (error) {
        if (error instanceof GatehouseError) return refusal(error.code, error.message)
        throw error
      }
    },
  }
}

// --- internal ---

/** What the access log writes in place of a secret. */
const hidden = 'REDACTED'
const needsCredentials: ReadonlySet<string> = new Set(['basicAuth', 'jwt', 'forwardAuth'])

/** Whether the log does not tell by what a limit counted a request: claims stand in a token, and tokens in no log. */
function isHiddenFrom(by: string, { headers, claims }: Facts, { shortened }: LoggedExchange): boolean {
  if (by.startsWith('claim:')) return claims?.[by.slice('claim:'.length)] === undefined
  if (!by.startsWith('header:')) return false
  return shortened === true || headers.get(by.slice('header:'.length).toLowerCase()) === hidden
}

/** In words that differ where a request would come somewhere else. */
function wayOf({ destination, config }: Route, facts: Facts): string | undefined {
  switch (destination.kind) {
    case 'upstream':
      return config.to
    case 'files':
      return destination.root
    case 'redirect':
      return destination.locate(facts)
    case 'closed':
      return undefined
  }
}

function refusal(code: keyof typeof errors, reason?: string): Judgement {
  return { status: errors[code].status, route: undefined, by: code, reason }
}

function incomingOf({ request, status }: LoggedExchange, listener: Listener): Incoming | undefined {
  const peer = parseAddress(request.client_ip)
  if (peer === undefined) return undefined
  const http2 = request.proto === 'HTTP/2.0'
  const rawHeaders: string[] = []
  for (const [name, values] of Object.entries(request.headers))
    for (const value of values) rawHeaders.push(name, value)
  const hasHost = Object.keys(request.headers).some((name) => /^(host|:authority)$/i.test(name))
  if (!hasHost && request.host !== '') rawHeaders.push(http2 ? ':authority' : 'Host', request.host)
  const upgrade = status === 101 || /websocket/i.test(request.headers.Upgrade?.[0] ?? '')
  const minor = request.proto === 'HTTP/1.0' ? 0 : 1
  return {
    request: {
      method: request.method,
      url: request.uri,
      rawHeaders,
      headers: {},
      httpVersionMajor: http2 ? 2 : 1,
      httpVersionMinor: http2 ? 0 : minor,
    } as unknown as Incoming['request'],
    response: {} as Incoming['response'],
    listener,
    peer,
    peerPort: 0,
    expectsContinue: false,
    upgrade: upgrade ? ({} as Incoming['upgrade']) : undefined,
  }
}
