import { existsSync, readFileSync } from 'node:fs'
import type { Contender } from '../contenders/contender.ts'
import type { Circumstances, RowResult } from '../measure.ts'
import type { Row, Sample } from '../row.ts'

/** Of results.json: what a row that was measured earlier needs to stand in the report again. */
interface Kept {
  readonly machine: { readonly processor: string }
  readonly rows: readonly {
    readonly name: string
    readonly seconds: number
    readonly circumstances?: Circumstances
    readonly contenders: readonly {
      readonly name: string
      readonly samples: Sample[]
      readonly failure?: string
    }[]
  }[]
}

/**
 * What has just been measured, and for every other row what results.json says of it, in the order of the rows. Results
 * of another processor are dropped.
 */
export function withEarlier(
  measured: readonly RowResult[],
  { file, processor, rows, contenders }: Places,
): RowResult[] {
  const kept: Kept | undefined = existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : undefined
  const earlier = kept?.machine.processor === processor ? kept.rows : []
  return rows.flatMap((row) => {
    const now = measured.find((result) => result.row.name === row.name)
    if (now) return [now]
    const before = earlier.find(({ name }) => name === row.name)
    if (before?.circumstances === undefined) return []
    const results = before.contenders.flatMap(({ name, samples, failure }) => {
      const contender = contenders.find((each) => each.name === name)
      return contender ? [{ contender, samples, failure }] : []
    })
    return [{ row, results, seconds: before.seconds, circumstances: before.circumstances }]
  })
}

interface Places {
  /** results.json, which need not be there. */
  readonly file: string
  readonly processor: string
  readonly rows: readonly Row[]
  readonly contenders: readonly Contender[]
}
