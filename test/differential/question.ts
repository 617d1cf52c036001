import type { Teardown } from '../harness/teardown.ts'
import { http2Corpus } from './corpus/http2.ts'
import { corpus } from './corpus/index.ts'
import { tryFrames } from './http2-outcome.ts'
import { type Outcome, type Patience, tryCase } from './outcome.ts'
import type { RecordedLane } from './recorder.ts'

/** A case of either corpus, as all contenders are asked it. */
export interface Question {
  readonly name: string
  readonly says: string
  /** How many requests may arrive at most; see `Case`. */
  readonly requests: number
  readonly absent?: RegExp
  /** What is sent, for reports. */
  readonly shown: string
  ask(lane: RecordedLane, patience: Patience): Promise<Outcome>
}

/** Every raw request. */
export function rawQuestions(): Question[] {
  return corpus.map((each) => ({
    ...each,
    shown: JSON.stringify([each.bytes].flat().join(' … ').slice(0, 400)),
    ask: (lane, patience) => tryCase(lane, each, patience),
  }))
}

/** Every request in frames of HTTP/2. Connections end with the context. */
export function http2Questions(t: Teardown): Question[] {
  return http2Corpus.map((each) => ({
    ...each,
    shown: each.frames.map((frame) => JSON.stringify(frame.toString('latin1').slice(9, 200))).join(' '),
    ask: (lane, patience) => tryFrames(t, lane, each, patience),
  }))
}
