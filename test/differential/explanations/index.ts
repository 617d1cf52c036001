import type { Difference } from '../difference.ts'
import { addresses } from './addresses.ts'
import type { Explanation } from './explanation.ts'
import { framing } from './framing.ts'
import { http2 } from './http2.ts'
import { intentions } from './intentions.ts'
import { lines } from './lines.ts'

export type { Explanation, Verdict } from './explanation.ts'

/** Differences that mean the same whatever the case. */
const general: readonly Explanation[] = [
  {
    verdict: 'harmless',
    because:
      'Both refuse. RFC 9110 §15.5 leaves the choice among 4xx, and 501 and 505 say the same of the client.',
    differences: ['status'],
    cases: 'any',
  },
  {
    verdict: 'harmless',
    because:
      'The same body, framed otherwise (RFC 9112 §6.1): nginx counts a body that is already there, and POST, PUT and PATCH without one get the length 0 that RFC 9110 §8.6 asks of a sender.',
    differences: ['framing'],
    cases: 'any',
  },
  {
    verdict: 'harmless',
    because:
      'Bodies are streamed, so the upstream has seen the head when a chunk turns out to be none. It sees a body cut off, which it has to discard (RFC 9112 §8), and never a whole request.',
    differences: ['begun'],
    cases: 'any',
  },
  {
    verdict: 'harmless',
    because:
      'Either side may close a connection after an answer (RFC 9112 §9.6). That nothing unread is served from one that stays open is checked in every case.',
    differences: ['closing'],
    cases: 'any',
  },
]

/** Every difference that may be. What is found and not in here fails the test; so does what is here and not found. */
export const explanations: readonly Explanation[] = [
  ...general,
  ...framing,
  ...lines,
  ...addresses,
  ...intentions,
  ...http2,
]

/** The explanation of a difference in a case, if there is one. */
export function explain(difference: Difference, name: string): Explanation | undefined {
  return explanations.find(
    ({ differences, cases }) => differences.includes(difference) && (cases === 'any' || cases.includes(name)),
  )
}

/** Named cases that are not among those whose differences were explained. */
export function unusedExplanations(used: ReadonlySet<string>): string[] {
  return explanations.flatMap(({ differences, cases }) =>
    cases === 'any'
      ? []
      : cases.filter((name) => !differences.some((difference) => used.has(`${difference} ${name}`))),
  )
}
