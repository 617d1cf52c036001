import { Problem } from '../../shared/problem.ts'
import type { Cuts, Part } from './measure.ts'
import type { Picture } from './picture.ts'

/** What judges a picture as a whole. Parts are measured beside it in any case: they are what advice comes from. */
export interface QualityEngine {
  readonly name: 'local' | 'triton'
  /** `measured`: made of the parts. `neural`: a model's opinion of a face. */
  readonly kind: 'measured' | 'neural'
  /** How its scores are read. */
  readonly cuts: Cuts
  /** Higher is better; a model's may lie outside of 0 to 1. Rejects with an EngineFault. */
  score(picture: Picture, parts: readonly Part[]): Promise<number>
  health(): Promise<EngineHealth>
}

export interface EngineHealth {
  readonly answers: boolean
  /** Why not, in words that may be shown to anybody. */
  readonly reason?: string
}

/** Why an engine has no score. Its sentence is public; what only operators may know is its `cause`. */
export class EngineFault extends Problem {
  readonly kind: 'away' | 'overloaded' | 'wrong'

  /** `away` and `overloaded` pass by themselves, `wrong` needs a hand. */
  constructor(kind: EngineFault['kind'], title: string, cause?: unknown) {
    const wait = { away: '5', overloaded: '1', wrong: undefined }[kind]
    super(kind === 'wrong' ? 502 : 503, title, { headers: wait ? { 'Retry-After': wait } : {} })
    this.kind = kind
    this.cause = cause
  }
}
