import type { Transform } from 'node:stream'
import type { ErrorCode } from '../../errors.ts'
import type { Facts } from '../facts.ts'

export type HeaderEntry = readonly [name: string, value: string]

/**
 * What a policy answers. It never writes to a response: that is what lets one policy serve HTTP/1.1, HTTP/2
 * and upgrades alike, and what lets `explain` ask it without a client.
 *
 * - `pass` may set fields of the request on its way to the upstream, and fields of the response;
 * - `deny` names an error of the catalogue, the reason for the log, and fields of the refusal;
 * - `answer` is a complete reply that is no refusal by us: a CORS preflight, or the redirect to a login page
 *   that a forward-auth service wants shown.
 */
export type Verdict = Pass | Deny | Answer
export interface Pass {
  verdict: 'pass'
  requestHeaders?: readonly HeaderEntry[]
  responseHeaders?: readonly HeaderEntry[]
  /** Who the client turned out to be; goes to the access log and to `X-Forwarded-User`. */
  user?: string
  /** What a verified token says; later policies find it in `facts.claims`. */
  claims?: Readonly<Record<string, unknown>>
}
export interface Deny {
  verdict: 'deny'
  code: ErrorCode
  /** For the log and `explain`, for instance "10.0.0.9 is in no allowed network"; never shown to the client. */
  reason: string
  /** Shown to the client instead of the text of the catalogue: written by the operator, never worked out. */
  message?: string
  responseHeaders?: readonly HeaderEntry[]
}
export interface Answer {
  verdict: 'answer'
  status: number
  reason: string
  headers: readonly HeaderEntry[]
  body?: Buffer | string
}

/** The verdict of a policy that has nothing to add. One object, so that passing costs nothing. */
export const pass: Pass = Object.freeze({ verdict: 'pass' })

export function deny(code: ErrorCode, reason: string, responseHeaders?: readonly HeaderEntry[]): Deny {
  return responseHeaders
    ? { verdict: 'deny', code, reason, responseHeaders }
    : { verdict: 'deny', code, reason }
}

/** The head of a response on its way to the client. Names are lower case. */
export interface ResponseHead {
  status: number
  headers: ResponseHeaders
}
/** Fields by lower-case name; an array where a field occurs more than once. It has no prototype. */
export type ResponseHeaders = Record<string, string | string[]>

/**
 * A rule of one route, built once with the route table and asked for every exchange. Each hook is optional.
 */
export interface Policy {
  /** The YAML key. */
  readonly name: string
  /** `observe` counts and logs a refusal and lets the exchange pass. */
  readonly mode: 'enforce' | 'observe'
  /** Asked after the policies that verify tokens, whatever its place in the table. */
  readonly needsClaims?: boolean
  /** Stage 3. Decided from facts alone. Answers synchronously wherever it can. */
  decide?(facts: Facts): Verdict | Promise<Verdict>
  /**
   * Whether what these facts were let in by has not been taken back since (`performance.now()`). Asked about tunnels and
   * event streams that are open, each second and for each of them, so it has to cost next to nothing.
   */
  stillHolds?(facts: Facts, since: number): boolean
  /**
   * The most bytes of request body that may be relayed; the relay counts and refuses with `body_too_large`. In observe
   * mode it relays all of it, and notes that there was more.
   */
  readonly bodyLimit?: number
  /** Fields set on every response of the route, worked out when the table was built. Lower-case names. */
  readonly fixedHeaders?: readonly HeaderEntry[]
  /** Stage 5. Edits the head of a response, whoever made it: upstream, file, redirect or error page. */
  editResponse?(facts: Facts, head: ResponseHead): void
  /** Stage 4. Edits the fields sent to the upstream, after ours are set. */
  editRequest?(facts: Facts, headers: RequestHeaders): void
  /** Stage 5. A coding for the body, if this response should have one; it edits the head to match. */
  encodeBody?(facts: Facts, head: ResponseHead): Transform | undefined
}

/** The fields of a request to an upstream: name, value, name, value. Names keep the case that was received. */
export type RequestHeaders = string[]
