import type { Teardown } from '../harness/teardown.ts'
import type { Contender, ContenderName, Setup } from './contenders/contender.ts'
import type { Running } from './contenders/running.ts'

/** One table of the results: what is measured, on whom, and what Gatehouse's figures should be. */
export interface Row {
  /** As in `make bench ROWS=relay-h1,relay-h2`. */
  readonly name: string
  readonly title: string
  /** What is sent and what is counted, in a sentence or two. */
  readonly method: string
  /** Whether it is measured without BENCH=full. */
  readonly quick: boolean
  /** Whether the first round counts: there is nothing to warm up where each measurement starts a process of its own. */
  readonly cold?: boolean
  readonly contenders: readonly ContenderName[]
  /** Columns, in order. The chart shows the first. */
  readonly figures: readonly Figure[]
  readonly targets: readonly Target[]
  /** Starts what all contenders share, and answers how one of them is measured once. */
  prepare(bench: Bench): Promise<Measure>
}

/** Figures by key. What cannot be had of a contender is left out. */
export type Sample = Readonly<Record<string, number>>
export type Measure = (contender: Contender) => Promise<Sample>

export interface Figure {
  readonly key: string
  readonly title: string
  readonly unit: string
}

/** A bound on a figure of Gatehouse, or on its ratio to a figure of another or of its own. */
export interface Target {
  readonly figure: string
  readonly over?: { readonly contender: ContenderName; readonly figure: string }
  readonly most?: number
  readonly least?: number
}

/** What a row measures with. It lasts as long as the row, and so does all that is made through it. */
export interface Bench extends Teardown {
  /** Seconds of load in one measurement. */
  readonly seconds: number
  /** A folder for this row. */
  readonly folder: string
  /** The contender with this setup, started at the first call and kept until the row ends. */
  keep(contender: Contender, setup: Setup): Promise<Running>
  /** A contender of its own, for what an earlier measurement would spoil, such as memory. The caller stops it. */
  start(contender: Contender, setup: Setup): Promise<Running>
}
