import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Contender } from './contenders/contender.ts'
import { type Running, startContender } from './contenders/running.ts'
import { describeMachine } from './machine/description.ts'
import type { Options } from './options.ts'
import type { Bench, Measure, Row, Sample } from './row.ts'

/** What was measured of one contender, round by round. */
export interface ContenderResult {
  readonly contender: Contender
  readonly samples: Sample[]
  /** Why it was left out from some round on: it did not serve, or it answered wrongly. */
  failure?: string
}

export interface RowResult {
  readonly row: Row
  readonly results: readonly ContenderResult[]
  readonly seconds: number
  readonly circumstances: Circumstances
}

/** When a row was measured and how: rows may be measured one at a time, on different days. */
export interface Circumstances {
  /** ISO 8601, UTC. */
  readonly at: string
  readonly commit: string
  /** Of the last minute, when the row began. Above 0.5 something else was running. */
  readonly loadAverage: number
  readonly rounds: number
}

/**
 * Measures the contenders in turn, A B C A B C, so that what drifts hits all alike. The first round warms them up and
 * is not counted. One that fails is left out from then on, and the others go on.
 */
export async function measureRow(
  row: Row,
  contenders: readonly Contender[],
  options: Options,
): Promise<RowResult> {
  const start = performance.now()
  const { commit, loadAverage } = describeMachine()
  const circumstances = { at: new Date().toISOString(), commit, loadAverage, rounds: options.rounds }
  const undos: (() => void | Promise<void>)[] = []
  const folder = await mkdtemp(join(tmpdir(), 'gatehouse-bench-'))
  const results = contenders.map((contender): ContenderResult => ({ contender, samples: [] }))
  try {
    const measure = await row.prepare(createBench(folder, options.seconds, undos))
    for (let round = row.cold ? 1 : 0; round <= options.rounds; round++)
      for (const result of results) await measureOnce(result, { measure, row, round })
  } finally {
    for (const undo of undos.reverse()) await undo()
    await rm(folder, { recursive: true, force: true })
  }
  return { row, results, seconds: (performance.now() - start) / 1000, circumstances }
}

async function measureOnce(
  result: ContenderResult,
  { measure, row, round }: { measure: Measure; row: Row; round: number },
): Promise<void> {
  if (result.failure !== undefined) return
  try {
    const sample = await measure(result.contender)
    const figures = row.figures.flatMap(({ key, unit }) => {
      const value = sample[key]
      return value === undefined ? [] : [`${key} ${value.toFixed(2)} ${unit}`]
    })
    console.log(
      `  ${round === 0 ? 'warm-up' : `round ${round}`}  ${result.contender.title}: ${figures.join(', ')}`,
    )
    if (round > 0) result.samples.push(sample)
  } catch (error) {
    result.failure = error instanceof Error ? error.message : String(error)
    console.log(`  ${result.contender.title} is left out: ${result.failure}`)
  }
}

function createBench(folder: string, seconds: number, undos: (() => void | Promise<void>)[]): Bench {
  const kept = new Map<string, Promise<Running>>()
  let count = 0
  const bench: Bench = {
    seconds,
    folder,
    after: (undo) => void undos.push(undo),
    keep(contender, setup) {
      const key = `${contender.name} ${JSON.stringify(setup)}`
      const known = kept.get(key)
      if (known) return known
      const running = bench.start(contender, setup)
      kept.set(key, running)
      return running
    },
    async start(contender, setup) {
      const running = await startContender(contender, setup, join(folder, `${contender.name}-${count++}`))
      undos.push(running.stop)
      return running
    },
  }
  return bench
}
