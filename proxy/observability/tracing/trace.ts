import { randomFillSync } from 'node:crypto'
import type { ErrorCode } from '../../errors.ts'
import { formatTraceparent, type TraceContext } from './trace-context.ts'

/** One exchange as a part of a trace: a span of its own, and one for each target that it was sent to. */
export class Trace {
  /** 32 hex digits. */
  readonly id: string
  /** The span of who sent us the request, in the same trace. */
  readonly parentId: string | undefined
  /** The span of the exchange, 16 hex digits. */
  readonly spanId = randomHex(8)
  /** Whether the spans are recorded. */
  readonly sampled: boolean
  /** `tracestate`, or an empty string. We add nothing to it. */
  readonly state: string
  readonly #random: boolean
  #attempts: Attempt[] | undefined

  /** Goes on with the trace that a request is a part of, or begins one. */
  constructor(given: TraceContext | undefined, sampled: boolean) {
    this.id = given?.traceId ?? randomHex(16)
    this.parentId = given?.parentId
    this.state = given?.state ?? ''
    this.sampled = sampled
    this.#random = given?.random ?? true
  }

  /** The exchange is sent to a target. */
  beginAttempt(target: string): void {
    if (!this.sampled) return
    const attempt: Attempt = { spanId: randomHex(8), target, startedAt: performance.now() }
    if (this.#attempts === undefined) this.#attempts = [attempt]
    else this.#attempts.push(attempt)
  }

  /** The last attempt brought no response. */
  failAttempt(code: ErrorCode): void {
    const attempt = this.#attempts?.at(-1)
    if (attempt === undefined) return
    attempt.endedAt = performance.now()
    attempt.error = code
  }

  /** In their order. Empty where nothing is recorded. */
  get attempts(): readonly Attempt[] {
    return this.#attempts ?? none
  }

  /** What the target that is asked now is told. */
  get traceparent(): string {
    const parentId = this.#attempts?.at(-1)?.spanId ?? this.spanId
    return formatTraceparent({ traceId: this.id, parentId, sampled: this.sampled, random: this.#random })
  }
}

/** Times are those of `performance.now()`. Without an end it ended with the exchange. */
export interface Attempt {
  readonly spanId: string
  readonly target: string
  readonly startedAt: number
  endedAt?: number
  error?: ErrorCode
}

const none: readonly Attempt[] = Object.freeze([])

/** Random bytes are asked for by the thousand: one call for each id would cost more than the rest of it. */
const pool = Buffer.allocUnsafeSlow(4096)
let used = pool.length

function randomHex(bytes: number): string {
  if (used + bytes > pool.length) {
    randomFillSync(pool)
    used = 0
  }
  used += bytes
  return pool.toString('hex', used - bytes, used)
}
