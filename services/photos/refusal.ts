import { Problem } from '../shared/problem.ts'

/** A refusal in the words of the API: `detail` is where its clients have always read the sentence. */
export function refusal(
  status: number,
  sentence: string,
  more: { headers?: Record<string, string>; [name: string]: unknown } = {},
): Problem {
  return new Problem(status, sentence, { detail: sentence, ...more })
}
