import type { ErrorCode } from '../../errors.ts'
import type { Facts } from '../facts.ts'
import type { Answer, Deny, HeaderEntry, Policy, Verdict } from './policy.ts'

/** What all policies of a route say together, and which of them had the last word. */
export type Decision = Gathered & (Passed | Denied | Answered)

interface Gathered {
  /** Fields for the upstream, from policies that passed. */
  readonly requestHeaders: readonly HeaderEntry[]
  /** Fields for the response: those of policies that passed, then those of the refusal. */
  readonly responseHeaders: readonly HeaderEntry[]
  readonly user?: string
  /** Refusals of policies in observe mode. They changed nothing. */
  readonly observed: readonly Observed[]
}
interface Observed {
  readonly policy: string
  readonly reason: string
  readonly code: ErrorCode | 'answer'
}
interface Passed {
  readonly outcome: 'pass'
}
interface Denied {
  readonly outcome: 'deny'
  readonly policy: string
  readonly code: ErrorCode
  /** For the log. */
  readonly reason: string
  /** For the client, where the operator wrote it. */
  readonly message?: string
}
interface Answered {
  readonly outcome: 'answer'
  readonly policy: string
  readonly status: number
  readonly reason: string
  /** The fields of the answer itself. Those of policies that passed are in `responseHeaders`. */
  readonly headers: readonly HeaderEntry[]
  readonly body?: Buffer | string
}

/** One line of `explain`. A policy in observe mode denies here and still does not stop the exchange. */
export interface TraceEntry {
  readonly policy: string
  readonly mode: Policy['mode']
  readonly verdict: Verdict['verdict'] | 'not asked'
  readonly reason?: string
}

/**
 * Asks the policies in order until one that is enforced refuses or answers. No promise is made as long as
 * no policy makes one. A policy that throws, rejects, or says something that is no verdict has refused with
 * `internal`: a check that broke has not passed anybody.
 *
 * Writes claims to `facts` for the policies that follow, and each verdict to `trace` if there is one.
 */
export function askPolicies(
  policies: readonly Policy[],
  facts: Facts,
  trace?: TraceEntry[],
): Decision | Promise<Decision> {
  return askFrom(0, {
    policies,
    facts,
    trace,
    requestHeaders: none,
    responseHeaders: none,
    user: undefined,
    observed: none,
  })
}

interface Asking {
  readonly policies: readonly Policy[]
  readonly facts: Facts
  readonly trace: TraceEntry[] | undefined
  requestHeaders: readonly HeaderEntry[]
  responseHeaders: readonly HeaderEntry[]
  user: string | undefined
  observed: readonly Observed[]
}

const none: readonly never[] = Object.freeze([])

function askFrom(start: number, asking: Asking): Decision | Promise<Decision> {
  const { policies, facts } = asking
  for (let i = start; i < policies.length; i++) {
    const policy = policies[i] as Policy
    if (policy.decide === undefined) continue
    let verdict: Verdict | Promise<Verdict>
    try {
      verdict = policy.decide(facts)
    } catch (error) {
      verdict = brokenVerdict(error)
    }
    if (isPromise(verdict)) {
      return Promise.resolve(verdict)
        .catch(brokenVerdict)
        .then((late) => take(asking, i, late) ?? askFrom(i + 1, asking))
    }
    const last = take(asking, i, verdict)
    if (last !== undefined) return last
  }
  return { outcome: 'pass', ...gathered(asking) }
}

/** Notes one verdict. Answers the decision if it is the last word. */
function take(asking: Asking, index: number, given: Verdict): Decision | undefined {
  const policy = asking.policies[index] as Policy
  const verdict = isVerdict(given) ? given : brokenVerdict(new Error('its answer is no verdict'))
  if (asking.trace !== undefined) note(asking, policy, verdict)
  if (verdict.verdict === 'pass') {
    if (verdict.requestHeaders) asking.requestHeaders = joined(asking.requestHeaders, verdict.requestHeaders)
    if (verdict.responseHeaders)
      asking.responseHeaders = joined(asking.responseHeaders, verdict.responseHeaders)
    if (verdict.user !== undefined) asking.user = verdict.user
    if (verdict.claims !== undefined) asking.facts.claims = verdict.claims
    return undefined
  }
  if (policy.mode === 'observe') {
    const code = verdict.verdict === 'deny' ? verdict.code : verdict.verdict
    asking.observed = [...asking.observed, { policy: policy.name, reason: verdict.reason, code }]
    return undefined
  }
  if (asking.trace !== undefined) noteRest(asking, index + 1)
  return verdict.verdict === 'deny' ? denied(asking, policy, verdict) : answered(asking, policy, verdict)
}

function denied(asking: Asking, policy: Policy, verdict: Deny): Decision {
  const { code, reason, message } = verdict
  if (verdict.responseHeaders)
    asking.responseHeaders = joined(asking.responseHeaders, verdict.responseHeaders)
  return { outcome: 'deny', policy: policy.name, code, reason, message, ...gathered(asking) }
}

function answered(asking: Asking, policy: Policy, { status, reason, headers, body }: Answer): Decision {
  return { outcome: 'answer', policy: policy.name, status, reason, headers, body, ...gathered(asking) }
}

function gathered({ requestHeaders, responseHeaders, user, observed }: Asking): Gathered {
  return { requestHeaders, responseHeaders, user, observed }
}

function joined(some: readonly HeaderEntry[], more: readonly HeaderEntry[]): readonly HeaderEntry[] {
  return some.length === 0 ? more : [...some, ...more]
}

function note({ trace }: Asking, { name, mode }: Policy, verdict: Verdict): void {
  if (verdict.verdict === 'pass') trace?.push({ policy: name, mode, verdict: 'pass' })
  else trace?.push({ policy: name, mode, verdict: verdict.verdict, reason: verdict.reason })
}

function noteRest({ trace, policies }: Asking, start: number): void {
  for (const { name, mode, decide } of policies.slice(start))
    if (decide !== undefined) trace?.push({ policy: name, mode, verdict: 'not asked' })
}

function brokenVerdict(error: unknown): Deny {
  const words = error instanceof Error ? (error.stack ?? error.message) : String(error)
  return { verdict: 'deny', code: 'internal', reason: `the policy broke: ${words}` }
}

/** `undefined` or `true` from an extension without types must not pass for a pass. */
function isVerdict(given: Verdict | undefined): given is Verdict {
  const verdict = given?.verdict
  return verdict === 'pass' || verdict === 'deny' || verdict === 'answer'
}

function isPromise(verdict: Verdict | Promise<Verdict>): verdict is Promise<Verdict> {
  return typeof (verdict as Partial<Promise<Verdict>> | undefined)?.then === 'function'
}
