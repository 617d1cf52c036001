import type { Row } from './row.ts'

export interface Options {
  readonly rows: readonly Row[]
  /** Names of the contenders that take part; undefined for all. */
  readonly contenders: readonly string[] | undefined
  readonly rounds: number
  /** Seconds of load in one measurement. */
  readonly seconds: number
}

/**
 * From the environment: ROWS=relay-h1,start picks rows, BENCH=full takes all and measures longer, ROUNDS=1 and
 * SECONDS=1 are for a look, CONTENDERS=gatehouse,nginx leaves the others out.
 */
export function readOptions(env: NodeJS.ProcessEnv, rows: readonly Row[]): Options {
  const names = list(env.ROWS)
  const unknown = names?.find((name) => !rows.some((row) => row.name === name))
  if (unknown) throw new Error(`There is no row ${unknown}. Rows: ${rows.map((row) => row.name).join(', ')}`)
  const full = env.BENCH === 'full'
  return {
    rows: rows.filter((row) => (names ? names.includes(row.name) : full || row.quick)),
    contenders: list(env.CONTENDERS),
    rounds: Number(env.ROUNDS ?? 5),
    seconds: Number(env.SECONDS ?? (full ? 3 : 2)),
  }
}

function list(text: string | undefined): string[] | undefined {
  return text ? text.split(/[\s,]+/).filter(Boolean) : undefined
}
