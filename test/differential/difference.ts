import type { Outcome } from './outcome.ts'
import type { Arrived } from './recorder.ts'

/**
 * How two outcomes of one case differ, by what matters most.
 *
 * - `we refuse`, `they refuse`: one let a whole request through and the other none
 * - `requests`: both let something through, and not as many, or not the same methods or bodies
 * - `target`: the same requests, for another target
 * - `answers`: the same requests, and other statuses
 * - `silence`: nobody let anything through; one answered, the other waits for more
 * - `status`: both refused, with other numbers
 * - `framing`: the same body, framed otherwise
 * - `begun`: both refused, and one after the upstream had seen the beginning
 * - `closing`: all is the same, and one ended the connection
 */
export type Difference =
  | 'we refuse'
  | 'they refuse'
  | 'requests'
  | 'target'
  | 'answers'
  | 'silence'
  | 'status'
  | 'framing'
  | 'begun'
  | 'closing'

export function differenceBetween(ours: Outcome, theirs: Outcome): Difference | undefined {
  const [our, their] = [wholeOf(ours), wholeOf(theirs)]
  if (our.length === 0 && their.length > 0) return 'we refuse'
  if (their.length === 0 && our.length > 0) return 'they refuse'
  if (!sameBy(our, their, ({ method, body, tunnel }) => `${method} ${body} ${tunnel}`)) return 'requests'
  if (!sameBy(our, their, ({ target }) => target)) return 'target'
  if (our.length === 0 && isSilent(ours) !== isSilent(theirs)) return 'silence'
  if (ours.statuses.join() !== theirs.statuses.join() || ours.bare !== theirs.bare)
    return our.length === 0 ? 'status' : 'answers'
  if (!sameBy(our, their, ({ framing }) => `${framing}`)) return 'framing'
  if (ours.arrived.length !== theirs.arrived.length) return 'begun'
  return ours.closed === theirs.closed ? undefined : 'closing'
}

function wholeOf({ arrived }: Outcome): Arrived[] {
  return arrived.filter(({ whole, method }) => whole && method !== '?')
}

function sameBy(
  ours: readonly Arrived[],
  theirs: readonly Arrived[],
  by: (each: Arrived) => string,
): boolean {
  return ours.length === theirs.length && ours.every((each, at) => by(each) === by(theirs[at] as Arrived))
}

function isSilent({ statuses, bare, closed }: Outcome): boolean {
  return statuses.length === 0 && !bare && !closed
}
