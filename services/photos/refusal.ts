import { Problem } from '../shared/problem.ts'

/** A refusal in the words of the API: `detail` is where its clients have always read the sentence. */
export function refusal(
  status: number,
  sentence: string,
  more: { headers?: Record<string, string>; [name: string]: unknown } = {},
): Problem {
  return new Problem(status, sentence, { detail: sentence, ...more })
}

/** Where a disk refuses to take more. */
export function noRoom(): Problem {
  return refusal(507, 'There is no room left on the disk of this service. Try again later.', {
    headers: { 'Retry-After': '300' },
  })
}

export function isNoRoom(error: unknown): boolean {
  const { code } = error as NodeJS.ErrnoException
  return code === 'ENOSPC' || code === 'EDQUOT'
}
