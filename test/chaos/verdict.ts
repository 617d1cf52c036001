import type { ChaosOutcome } from './chaos.ts'
import { limit } from './probes.ts'

/** What is wrong with a run, a sentence each. */
export function judge({ lost, probes, requests }: ChaosOutcome): string[] {
  const wrong: string[] = []
  if (requests === 0) wrong.push('nothing was asked')
  for (const each of lost.slice(0, 20)) wrong.push(`lost: ${each}`)
  if (lost.length > 20) wrong.push(`and ${lost.length - 20} more were lost`)
  for (const { passed, undisturbed } of probes) {
    if (undisturbed && Math.abs(passed - limit) > limit / 100)
      wrong.push(`${passed} passed a limit of ${limit}, and nothing was broken`)
    // Who had used up what Redis allowed may get once more what the proxies allow alone, and that is a limit together.
    if (passed > limit * 2) wrong.push(`${passed} passed a limit of ${limit}, which is more than twice`)
  }
  return wrong
}
