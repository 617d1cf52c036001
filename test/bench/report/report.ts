import type { Machine } from '../machine/description.ts'
import type { RowResult } from '../measure.ts'

/** All that a run found out. */
export interface Report {
  readonly machine: Machine
  readonly versions: readonly string[]
  readonly results: readonly RowResult[]
}
