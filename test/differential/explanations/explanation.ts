import type { Difference } from '../difference.ts'

export type Verdict =
  | 'ours is stricter'
  | 'theirs is stricter, ours is right'
  | 'ours does less, harmless'
  | 'harmless'

/** Why Gatehouse and another proxy may differ, and in which cases. */
export interface Explanation {
  readonly verdict: Verdict
  readonly because: string
  readonly differences: readonly Difference[]
  /** Names of cases; `any` where the kind of difference says it all. */
  readonly cases: readonly string[] | 'any'
}

/** Names of cases with that of their group in front. */
export const named = (group: string, cases: readonly string[]): string[] =>
  cases.map((name) => `${group}/${name}`)

/** Others serve what Gatehouse refuses, and it is right to. */
export const stricter = (because: string, ...cases: string[][]): Explanation => ({
  verdict: 'ours is stricter',
  because,
  differences: ['we refuse'],
  cases: cases.flat(),
})
